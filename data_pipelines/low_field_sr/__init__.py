"""The data set `low_field_sr`: LR/HR pairs from any folder of scans."""

from .low_field_sr_dataset_builder import Builder as Builder
