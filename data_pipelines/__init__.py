"""Data sets of tensorflow-datasets and pipelines of Apache Beam, built on lfsr_tf."""
