"""The data set `m4raw`: LR/HR pairs from repetitions measured at 0.3 T."""

from .m4raw_dataset_builder import Builder as Builder
