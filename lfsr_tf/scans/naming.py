"""What a file's name says: the contrast and the person, as far as names of scans follow a habit.

Understood are BIDS names (`sub-01_ses-02_T1w.nii.gz`), fastMRI's acquisition attribute (AXT1POST), M4Raw's
names (`2022061003_T101.h5`) and the plain habit of subject, visit, field strength and contrast joined by
underscores (`msL01_study2_T2W.nii.gz`, `hkuF6A_LF055T_FLAIR.nii.gz`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lfsr_tf.errors import ScanError

NOBODY = "unknown"
"""The subject of a scan that names no one: one person for all such scans, so that no split parts them."""

SCAN_SUFFIXES = re.compile(r"\.(nii\.gz|nii|h5|hdf5|npy|npz|dcm|ima)$", re.IGNORECASE)

# The digits are M4Raw's repetition number (T101 is T1, repetition 1). T2* and maps are none of these.
_PLANE = "(?:AX|COR|SAG|TRA)?"
_CONTRASTS = (
    ("FLAIR", re.compile(rf"{_PLANE}(?:T2)?W?FLAIR(?:0\d)?")),
    ("T1w", re.compile(rf"{_PLANE}(?:T1(?:WI?)?(?:PRE|POST|CE|C|GD)?(?:0\d)?|MP2?RAGE|SPGR|BRAVO)")),
    ("T2w", re.compile(rf"{_PLANE}T2(?:WI?)?(?:0\d)?")),
    ("PD", re.compile(rf"{_PLANE}PD(?:WI?)?(?:FS)?(?:0\d)?")),
)
_BIDS_SUBJECT = re.compile(r"(?:^|_)(sub-[A-Za-z0-9]+)")
_BIDS_LABEL = re.compile(r"sub-[A-Za-z0-9]+")
_BIDS_BETWEEN = re.compile(r"ses-[A-Za-z0-9]+|anat|dwi|fmap|func|perf|raw")
# What anonymisers and converters write where a name stood; such a word is no one's name.
_PLACEHOLDERS = frozenset(
    {"", "anon", "anonymised", "anonymized", "anonymous", "n/a", "na", "nan", "none", "null", NOBODY}
)
_VISIT = re.compile(
    r"(?:ses|session|study|visit|scan|run|rep|acq|tp|timepoint|day|month|week|year)-?\d+", re.IGNORECASE
)
_FIELD_STRENGTH = re.compile(r"[A-Za-z]*\d+(?:[.p]\d+)?m?T", re.IGNORECASE)


def contrast_from_text(text: str) -> str:
    """The contrast that a file name, an acquisition attribute or a series description speaks of.

    Returns:
        "T1w", "T2w", "FLAIR", "PD" or "unknown". FLAIR goes before T2w, which often stands beside it.
    """
    words = [word.upper() for word in re.split(r"[^A-Za-z0-9*]+", text) if word]
    for contrast, pattern in _CONTRASTS:
        if any(pattern.fullmatch(word) for word in words):
            return contrast
    return "unknown"


def subject_from_path(path: Path) -> str:
    """The person a scan shows, from the file's name: splits into training and validation go by it.

    A BIDS label (`sub-01`, also of a parent folder) is taken as it is. Otherwise the name's leading words up
    to the first that holds a digit, without contrast, visit and field strength, so that two visits of one
    person get one name, and so do two contrasts, whether they stand before the person or after.
    """
    if label := bids_label(path):
        return label
    name = SCAN_SUFFIXES.sub("", path.name)
    words: list[str] = []
    for word in name.split("_"):
        if contrast_from_text(word) != "unknown":
            if words:
                break
            continue
        if not word or _VISIT.fullmatch(word) or _FIELD_STRENGTH.fullmatch(word):
            continue
        words.append(word)
        if any(character.isdigit() for character in word):
            break
    return "-".join(words) or name or "unknown"


def bids_label(path: Path) -> str | None:
    """The BIDS subject label (`sub-01`) of a file's name, else of the nearest folder that has one."""
    for part in (path.name, *(parent.name for parent in path.parents)):
        if found := _BIDS_SUBJECT.search(part):
            return found.group(1)
    return None


def stated_subject(*names: str) -> str:
    """The first of a header's names that is one, neither blank nor a placeholder like ANONYMOUS; else ""."""
    stripped = (name.strip() for name in names)
    return next((name for name in stripped if name.strip("^ ").lower() not in _PLACEHOLDERS), "")


def check_labels(path: Path, subjects: Sequence[str]) -> None:
    """Refuse a scan that is one person's by its BIDS file name and another's by its folder or its header.

    Args:
        path: The scan.
        subjects: Who the scan's volumes show, as the reader found it.

    Raises:
        ScanError: Two BIDS labels contradict each other.
    """
    found = [label for label in (_file_label(path), _folder_label(path)) if label]
    found += [subject for subject in subjects if _BIDS_LABEL.fullmatch(subject)] if found else []
    labels = list(dict.fromkeys(found))
    if len(labels) > 1:
        raise ScanError(
            f"Expected one subject. Received: {' and '.join(labels)} for {path}, by its name, its folder "
            "and its header. Find out whose scan it is, and name all three after that person."
        )


def _file_label(path: Path) -> str | None:
    found = _BIDS_SUBJECT.search(path.name)
    return found.group(1) if found else None


def _folder_label(path: Path) -> str | None:
    """The label of the BIDS subject folder, which only a session and a data type may part from the file."""
    for parent in path.parents:
        if _BIDS_LABEL.fullmatch(parent.name):
            return parent.name
        if not _BIDS_BETWEEN.fullmatch(parent.name):
            return None
    return None
