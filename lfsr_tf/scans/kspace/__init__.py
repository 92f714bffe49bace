"""Raw k-space: fastMRI's and M4Raw's HDF5 files, what was sampled, and the image that it makes."""
