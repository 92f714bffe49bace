"""The data set `ixi`: LR/HR pairs from the IXI scans of healthy people."""

from .ixi_dataset_builder import Builder as Builder
