"""`python -m lfsr_tf` is the same as `lfsr`."""

from lfsr_tf.cli.app import main

main()
