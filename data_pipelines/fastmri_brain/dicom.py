"""Which series the DICOM release holds and whom they show.

A folder holds one exam, mostly several series mixed: `fastMRI_brain_DICOM/100099070170/279.dcm`. The release
has no sides. It is large and its headers are anonymised, so all that splits rely on is checked here, before
any image is read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from lfsr_tf.errors import ScanError
from lfsr_tf.pairs.preparing.listing import Listed
from lfsr_tf.scans import find_scans
from lfsr_tf.scans.dicom.files import load_index, looks_like_dicom, tolerant_parsing
from lfsr_tf.scans.dicom.protocol import Timing, contrast_of
from lfsr_tf.scans.naming import stated_subject

_UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Series:
    """One series, before its images are read.

    Attributes:
        path: As `find_scans` gives it.
        exam: The name of its exam's folder.
        patient: Patient ID; empty where the header names nobody.
        description: Series Description.
        contrast: What the operator called it: "T1w", "T2w", "FLAIR", "PD", "unknown", or "unreadable".
    """

    path: Path
    exam: str
    patient: str
    description: str
    contrast: str


def list_dicom(folder: Path) -> tuple[list[Listed], dict[str, int]]:
    """The series that are called T1-, T2- or PD-weighted or FLAIR, and how many others there are.

    A subject is a patient; where an exam's headers name none, the exam. Diffusion, susceptibility, perfusion
    and localiser series are told by their names, since their timing is often that of a T2-weighted one.

    Args:
        folder: The release.

    Returns:
        The scans, and the number of series left out by their description.

    Raises:
        ScanError: An exam names several patients, or all exams name the same one.
    """
    series = [_series(path, folder) for path in find_scans(folder)]
    subjects = _subjects(series)
    kept = [each for each in series if each.contrast != "unknown"]
    scans = [
        Listed(each.path.relative_to(folder.parent).as_posix(), str(each.path), subject=subjects[each.exam])
        for each in kept
    ]
    return scans, dict(Counter(each.description for each in series if each.contrast == "unknown"))


def _series(path: Path, folder: Path) -> Series:
    exam = next(iter(path.relative_to(folder).parts), folder.name)
    try:
        with tolerant_parsing():
            header = _first_image(path) if path.is_dir() else load_index(path)
    except ScanError:
        return Series(path, exam, "", "", _UNREADABLE)
    patient = stated_subject(str(header.get("PatientID") or ""))
    texts = [str(header.get(keyword) or "").strip() for keyword in ("SeriesDescription", "ProtocolName")]
    return Series(path, exam, patient, texts[0], contrast_of(texts, Timing()))


def _first_image(folder: Path) -> Dataset:
    """The header of the first image of a folder that holds one series; a DICOMDIR may lie beside them."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and looks_like_dicom(file))
    return next((header for header in map(load_index, files) if header.get("Rows")), Dataset())


def _subjects(series: Sequence[Series]) -> Mapping[str, str]:
    """The person of each exam."""
    named: dict[str, set[str]] = defaultdict(set)
    for each in series:
        named[each.exam] |= {each.patient} - {""}
    mixed = [f"{exam} ({', '.join(sorted(who))})" for exam, who in sorted(named.items()) if len(who) > 1]
    if mixed:
        raise ScanError(
            f"Expected one patient in the folder of an exam. Received: {'; '.join(mixed)}. Part their series."
        )
    everyone = set().union(*named.values())
    if len(named) > 1 and len(everyone) == 1 and all(named.values()):
        raise ScanError(
            f"Expected exams of several patients. Received: {len(named)} exams, all of patient "
            f"{everyone.pop()!r}, which is no name. Give the subjects in a manifest.csv of low_field_sr."
        )
    return {exam: min(who, default=exam) for exam, who in named.items()}
