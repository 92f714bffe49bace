"""The data set `fastmri_brain`: LR/HR pairs from NYU's fastMRI brain scans, k-space or DICOM."""

from .fastmri_brain_dataset_builder import Builder as Builder
