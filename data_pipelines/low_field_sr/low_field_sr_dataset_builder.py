"""Any folder or manifest of scans as a data set of LR/HR pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tensorflow_datasets as tfds

from data_pipelines.pairs_builder.builder import PairsBuilder
from lfsr_tf.pairs.preparing.listing import Listed, list_scans

MANIFEST = "manifest.csv"
_TRAINING, _VALIDATION = "train", ("validation", "val")


class Builder(PairsBuilder):
    """Builds pairs from the scans of a group's own archive."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    Put the scans (NIfTI, DICOM, fastMRI's HDF5; at any depth) into the manual folder. Which side a scan is on

    - says its line in `{MANIFEST}`, where there is one: a CSV file with the columns `path`, relative to the
      folder, and, where wanted, `split` (train, validation, auto), `subject` and `contrast`;
    - otherwise its folder, where there are `{_TRAINING}` and `{_VALIDATION[0]}` (or `{_VALIDATION[1]}`);
    - otherwise a hash of its subject: a fifth of the subjects validate.
    """

    def _listed(self, dl_manager: tfds.download.DownloadManager) -> Sequence[Listed]:
        folder = Path(dl_manager.manual_dir)
        manifest = folder / MANIFEST
        if manifest.is_file():
            return list_scans(manifest)
        validation = next((folder / name for name in _VALIDATION if (folder / name).is_dir()), None)
        if validation is not None and (folder / _TRAINING).is_dir():
            return [*list_scans(folder / _TRAINING, "train"), *list_scans(validation, "validation")]
        return list_scans(folder)
