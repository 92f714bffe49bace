"""The T1-, T2- and PD-weighted scans of IXI (https://brain-development.org/ixi-dataset) as LR/HR pairs.

IXI's T1 volumes are sagittal acquisitions of 256 x 256 x 150 voxels (0.94 x 0.94 x 1.2 mm), their axes in the
order posterior, superior, right; its T2 and PD volumes are axial ones of 256 x 256 x 130. The records hold
axial slices of all of them: the plane in which most low-field scans are acquired, and one plane for all three
contrasts of a person. From left to right an axial T1 slice has voxels of 1.2 mm, finer than the 1.9 mm of an
HR pixel, so nothing is interpolated into ground truth.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.extractor import ExtractError

from data_pipelines.pairs_builder.builder import PairsBuilder
from data_pipelines.pairs_builder.configs import PairsBuilderConfig, standard_configs
from lfsr_tf.errors import ScanError, first_line
from lfsr_tf.pairs.preparing.listing import Listed
from lfsr_tf.scans.nifti import is_nifti

CONTRASTS = {"IXI-T1": "T1w", "IXI-T2": "T2w", "IXI-PD": "PD"}
"""What is shown by the scans of each folder, which is named after the archive that it comes from."""

# Person, hospital, number of the visit and contrast: IXI002-Guys-0828-T1.nii.gz.
_SCAN = re.compile(r"(?P<person>IXI\d+)-[A-Za-z]+-\d+-(?P<contrast>T1|T2|PD|MRA|DTI)(-\d+)?\.nii(\.gz)?")
# Angiograms show flow, not tissue, and diffusion images are warped echo-planar ones of some 128 pixels.
_LEFT_OUT = ("MRA", "DTI")
_SOURCE = "https://biomedic.doc.ic.ac.uk/brain-development/downloads/IXI"


def axial(config: PairsBuilderConfig) -> PairsBuilderConfig:
    """The same configuration for axial slices, whatever the plane of acquisition."""
    return PairsBuilderConfig(
        name=config.name,
        description=f"{config.description} Axial slices.",
        pairs=dataclasses.replace(config.pairs, plane="axial"),
    )


class Builder(PairsBuilder):
    """Builds pairs from IXI's scans of nearly 600 healthy people at three hospitals, 1.5 T and 3 T."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    Download {", ".join(f"{name}.tar" for name in CONTRASTS)} from {_SOURCE}/
    (the data set's page: https://brain-development.org/ixi-dataset) into the manual folder. Leave them as
    they are, or extract each into a folder of its name: {", ".join(f"{name}/" for name in CONTRASTS)}.
    """
    BUILDER_CONFIGS = [axial(config) for config in standard_configs()]  # noqa: RUF012

    def _listed(self, dl_manager: tfds.download.DownloadManager) -> Sequence[Listed]:
        return list_ixi(contrast_folders(dl_manager))


def contrast_folders(dl_manager: tfds.download.DownloadManager) -> dict[str, Path]:
    """Where the scans of each contrast lie; archives are extracted, once, beside the downloads.

    Raises:
        ScanError: A contrast has neither folder nor archive (all are named), or an archive is damaged.
    """
    manual = Path(dl_manager.manual_dir)
    folders = {name: manual / name for name in CONTRASTS if (manual / name).is_dir()}
    archives = {name: manual / f"{name}.tar" for name in CONTRASTS if name not in folders}
    missing = [f"{path.stem}/ or {path.name}" for path in archives.values() if not path.is_file()]
    if missing:
        raise ScanError(
            f"Expected {', '.join(CONTRASTS)} in {manual}. Missing: {'; '.join(missing)}. "
            f"Download from {_SOURCE}/ what is missing, or use low_field_sr for some contrasts only."
        )
    try:
        extracted = dl_manager.extract(archives)
    except ExtractError as error:
        raise ScanError(
            f"Expected tar archives. Received: a damaged one ({first_line(error)}). Download it again."
        ) from error
    return folders | {name: Path(path) for name, path in extracted.items()}


def list_ixi(folders: Mapping[str, Path]) -> list[Listed]:
    """The scans of all contrasts, sorted by name; their subject is the person, `IXI002`.

    Args:
        folders: Where the scans of each contrast of `CONTRASTS` lie, at any depth.

    Raises:
        ScanError: A folder holds none, or files that are not named as IXI names scans of its contrast.
    """
    scans = [listed for name, folder in folders.items() for listed in _scans(name, folder)]
    return sorted(scans, key=lambda listed: listed.name)


def _scans(name: str, folder: Path) -> Iterator[Listed]:
    wanted = name.removeprefix("IXI-")
    # Hidden ones are what copying from a Mac leaves beside every file.
    files = (path for path in folder.rglob("*") if is_nifti(path) and not path.name.startswith("."))
    named = [(path, _SCAN.fullmatch(path.name)) for path in sorted(files)]
    scans = {path: match["person"] for path, match in named if match and match["contrast"] == wanted}
    left_out = {path for path, match in named if match and match["contrast"] in _LEFT_OUT}
    strange = [path.name for path, _ in named if path not in scans and path not in left_out]
    if strange or not scans:
        received = ", ".join(strange) or "none"
        raise ScanError(
            f"Expected scans such as IXI002-Guys-0828-{wanted}.nii.gz below {folder}. Received: {received}. "
            f"Extract {name}.tar into an empty folder."
        )
    for path, person in scans.items():
        yield Listed(f"{name}/{path.name}", str(path), subject=person, contrast=CONTRASTS[name])
