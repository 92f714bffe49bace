"""What the brain part of fastMRI 2.0 consists of, and what of it is missing in a folder.

NYU sends links to archives (https://fastmri.med.nyu.edu); these unpack into the folders below. Which files an
archive holds is said by its batch list, `brain_multicoil_train_batch_0.txt` for
`brain_multicoil_train_batch_0.tar.xz`, one name a line, in the folder `fastmri_raw_data_manifest` of
https://github.com/facebookresearch/fastMRI. NYU's SHA256 file is of the archives, not of what is in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from lfsr_tf.errors import ScanError

TRAINING, VALIDATION = "multicoil_train", "multicoil_val"
DICOM = "fastMRI_brain_DICOM"
TERMS = "https://fastmri.med.nyu.edu"

ARCHIVES = {
    TRAINING: tuple(f"brain_multicoil_train_batch_{number}.tar.xz" for number in range(10)),
    VALIDATION: tuple(f"brain_multicoil_val_batch_{number}.tar.xz" for number in range(3)),
    DICOM: ("brain_fastMRI_DICOM.tar.gz",),
}
"""The archives that each folder is unpacked from."""


def check_complete(folder: Path, parts: Sequence[str]) -> None:
    """Refuse a release of which something is known to be missing.

    A part must be there with at least one file in it that is none of its archives. Where its batch lists lie
    beside it, every file that they name must be there, too: an archive that was forgotten does not show
    otherwise.

    Args:
        folder: The manual folder.
        parts: Names of the folders that are needed, from `ARCHIVES`.

    Raises:
        ScanError: Everything that is missing, in one line.
    """
    missing = [what for part in parts for what in _missing(folder, part)]
    if missing:
        raise ScanError(
            f"Expected the fastMRI brain release in {folder}. Missing: {', '.join(missing)}. Ask for "
            f"the archives at {TERMS} and extract them there."
        )


def _missing(folder: Path, part: str) -> Iterator[str]:
    if all(file.name in ARCHIVES[part] for file in visible_files(folder / part)):
        yield f"{part}/ ({', '.join(_step(folder, part, archive) for archive in ARCHIVES[part])})"
        return
    for archive in ARCHIVES[part]:
        batch = folder / f"{archive.partition('.tar')[0]}.txt"
        if batch.is_file():
            names = batch.read_text(encoding="utf-8").split()
            yield from (f"{part}/{name}" for name in names if not (folder / part / name).is_file())


def _step(folder: Path, part: str, archive: str) -> str:
    """What to do with an archive, which may lie in the folder that it is to be unpacked to."""
    places = (archive, f"{part}/{archive}")
    lying = next((place for place in places if (folder / place).is_file()), None)
    return f"extract {lying}" if lying else f"download {archive}"


def visible_files(folder: Path) -> Iterator[Path]:
    """The files below a folder; without hidden ones, which copying from a Mac leaves beside every file."""
    return (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
