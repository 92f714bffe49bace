"""`python -m lfsr_tf.cli` is the same as `lfsr`."""

from lfsr_tf.cli.app import main

main()
