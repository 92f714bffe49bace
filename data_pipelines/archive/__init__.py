"""Enhancing an archive of scans with Apache Beam."""
