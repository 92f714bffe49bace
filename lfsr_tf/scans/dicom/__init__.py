"""DICOM: classic series and multi-frame files in, derived series out."""
