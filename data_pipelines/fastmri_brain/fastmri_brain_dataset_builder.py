"""NYU's fastMRI brain scans (https://fastmri.med.nyu.edu) as LR/HR pairs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import tensorflow_datasets as tfds

from data_pipelines.fastmri_brain.dicom import list_dicom
from data_pipelines.fastmri_brain.kspace import by_patient, list_kspace
from data_pipelines.fastmri_brain.release import ARCHIVES, DICOM, TERMS, TRAINING, VALIDATION, check_complete
from data_pipelines.pairs_builder.builder import PairsBuilder
from data_pipelines.pairs_builder.configs import PairsBuilderConfig, standard_configs
from lfsr_tf.errors import ScanError
from lfsr_tf.pairs.preparing.listing import Listed

_SUFFIX = "_dicom"


@dataclasses.dataclass(eq=False, kw_only=True)
class FastmriConfig(PairsBuilderConfig):
    """A configuration of one of the two releases.

    Attributes:
        release: "kspace": the multi-coil raw data, HDF5. "dicom": the clinical images of other exams.
    """

    release: Literal["kspace", "dicom"] = "kspace"


def kspace(config: PairsBuilderConfig) -> FastmriConfig:
    """A configuration for the k-space release."""
    return FastmriConfig(name=config.name, description=config.description, pairs=config.pairs)


def dicom(config: PairsBuilderConfig) -> FastmriConfig:
    """The same configuration for the DICOM release."""
    return FastmriConfig(
        name=f"{config.name}{_SUFFIX}",
        description=f"{config.description} From the DICOM release.",
        pairs=config.pairs,
        release="dicom",
    )


class Builder(PairsBuilder):
    """Builds pairs from the fully sampled k-space of the brain release, or from its clinical DICOM images.

    The test sets are not used: most of their k-space is undersampled, and the fully sampled copies are for a
    final judgement. `info.metadata` says what differs from the release: `moved_to_train`, the validation
    scans of patients who also have a training scan, and `left_out`, how many DICOM series by which name are
    no T1, T2, PD or FLAIR.
    """

    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    Access is granted for research by NYU, under an agreement that forbids passing the data on:

    1. Fill in the form at {TERMS}; links to the archives come by e-mail and expire after 90 days.
    2. Download into the manual folder: for the configurations whose names end in {_SUFFIX} (40 GB)
       {ARCHIVES[DICOM][0]}; for the others (1.2 TB, packed) {ARCHIVES[TRAINING][0]} to
       {ARCHIVES[TRAINING][-1]} and {ARCHIVES[VALIDATION][0]} to {ARCHIVES[VALIDATION][-1]}.
       Compare their hashes with NYU's SHA256 file.
    3. Extract each there (`tar -xf`), which gives `{TRAINING}/`, `{VALIDATION}/` and `{DICOM}/`; the archives
       are not needed any more.
    4. Better, put the batch lists ({ARCHIVES[TRAINING][0].replace(".tar.xz", ".txt")} and so on,
       from the folder fastmri_raw_data_manifest of https://github.com/facebookresearch/fastMRI) into the
       manual folder. Then each file that they name must be there. For some archives, their lists only.
    """
    BUILDER_CONFIGS = [  # noqa: RUF012
        *(kspace(config) for config in standard_configs()),
        *(dicom(config) for config in standard_configs()),
    ]

    def _listed(self, dl_manager: tfds.download.DownloadManager) -> Sequence[Listed]:
        folder = Path(dl_manager.manual_dir)
        if self.builder_config.release == "dicom":
            check_complete(folder, (DICOM,))
            scans, left_out = list_dicom(folder / DICOM)
            if not scans:
                received = ", ".join(left_out) or "nothing"
                raise ScanError(
                    f"Expected T1, T2, PD or FLAIR series in {folder / DICOM}. Received: {received}."
                )
            self.info.metadata["left_out"] = left_out
            return scans
        check_complete(folder, (TRAINING, VALIDATION))
        scans, self.info.metadata["moved_to_train"] = by_patient(list_kspace(folder))
        return scans
