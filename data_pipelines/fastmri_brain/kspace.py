"""Which patient each file of the k-space release shows, and so which side it is on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from data_pipelines.fastmri_brain.release import TRAINING, VALIDATION, visible_files
from lfsr_tf.errors import ScanError
from lfsr_tf.pairs.preparing.listing import Listed
from lfsr_tf.scans.kspace.hdf5_files import open_hdf5, read_attribute
from lfsr_tf.scans.naming import stated_subject


def list_kspace(folder: Path) -> list[Listed]:
    """The files of both folders, each with its official side and its patient.

    A file that cannot be opened has no patient; whoever reads it says why.

    Args:
        folder: Holds `multicoil_train` and `multicoil_val`.

    Raises:
        ScanError: Files that can be opened do not name their patient; all of them are named.
    """
    sides = ((TRAINING, "train"), (VALIDATION, "validation"))
    files = [(path, side) for part, side in sides for path in sorted(visible_files(folder / part))]
    scans = [(path, side, _patient(path)) for path, side in files if path.suffix == ".h5"]
    nameless = [path.name for path, _, patient in scans if patient == ""]
    if nameless:
        raise ScanError(
            f"Expected the attribute patient_id in every file. Received: {', '.join(nameless)} without it. "
            "Without it nobody knows whether a patient is on both sides: copy the files again or remove them."
        )
    return [
        Listed(path.relative_to(folder).as_posix(), str(path), side, patient or "")
        for path, side, patient in scans
    ]


def by_patient(scans: Sequence[Listed]) -> tuple[list[Listed], list[str]]:
    """The same scans without a patient on both sides: whoever has a training scan does not validate.

    The release is split by file. Moving a validation scan to training costs validation a patient; the other
    way would measure on a patient whom a network may have seen.

    Returns:
        All scans, and the names of those that were moved.
    """
    trained = {scan.subject for scan in scans if scan.split == "train" and scan.subject}
    moved = [scan.name for scan in scans if scan.split == "validation" and scan.subject in trained]
    sides = {name: "train" for name in moved}
    return [replace(scan, split=sides.get(scan.name, scan.split)) for scan in scans], moved


def _patient(path: Path) -> str | None:
    """The patient by the file's attribute; "" where it names none, None where the file cannot be opened."""
    try:
        with open_hdf5(path) as file:
            return stated_subject(read_attribute(file, "patient_id"))
    except (OSError, KeyError, RuntimeError, TypeError, ValueError):
        return None
