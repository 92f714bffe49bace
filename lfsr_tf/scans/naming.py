"""What a file's name says: the contrast, the person and the kind, as far as names of scans follow a habit.

Understood are BIDS names (`sub-01_ses-02_T1w.nii.gz`), fastMRI's acquisition attribute (AXT1POST), M4Raw's
names (`2022061003_T101.h5`), those of the collections in `name_words.PUBLISHED`, and the plain habit of
subject, occasion, field strength and contrast joined by underscores (`msL01_study2_T2W.nii.gz`,
`hkuF6A_LF055T_FLAIR.nii.gz`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from pathlib import Path

from lfsr_tf.errors import ScanError
from lfsr_tf.scans.name_words import (
    CONTRASTS,
    DATE,
    FIELD_STRENGTH,
    LABELS,
    MANNER,
    NUMBERED,
    OCCASION,
    PART_END,
    PERHAPS_OCCASION,
    PROCESSED,
    PUBLISHED,
)

NOBODY = "unknown"
"""The subject of a scan that names no one: one person for all such scans, so that no split parts them."""

SCAN_SUFFIXES = re.compile(r"(?!)")
"""The end of a scan's file name; of the readers' suffixes, once `know_suffixes` was told them."""

_BIDS_SUBJECT = re.compile(r"(?:^|_)(sub-[A-Za-z0-9]+)")
_BIDS_LABEL = re.compile(r"sub-[A-Za-z0-9]+")
_BIDS_BETWEEN = re.compile(r"ses-[A-Za-z0-9]+|(?:anat|dwi|fmap|func|perf)(?:_?\d+)?|raw")
# What anonymisers and converters write where a name stood; such a word is no one's name.
_PLACEHOLDERS = frozenset(
    {"", "anon", "anonymised", "anonymized", "anonymous", "n/a", "na", "nan", "none", "null", NOBODY}
)
# Folders of a person's files in one format.
_FORMAT = re.compile(r"nii|nifti|dicom|dcm|hdf5|h5|npy|mri?|images?|scans?", re.IGNORECASE)
# Folders of a year, a month, a day, of many people, or of a release: v2, where V2 and v02 may be volunteers.
_NUMBERED_OTHERWISE = re.compile(
    r"(?:(?:mri|scans)\W?)?(?:19|20)\d\d(?:[-.]?\d\d){0,2}(?:\W(?:mri|scans|data))?"
    r"|(?:data|dataset|cohort|batch|site|cent(?:er|re)|group|user|set|part|disk|nas|project|study)\W?\d+"
    r"|(?:release\W?\d+|(?-i:v)[1-9]\d?)(?:-\d+)*",
    re.IGNORECASE,
)
# What stands for a date while the other words are looked at; no file's name holds it.
_SOME_DATE = "\0"

# Words of BIDS names, `_ph` and `_imaginary` of dcm2niix, and names of label maps. Its `_real` is none of
# them: scans that are not simulated are called so, too.
_NOT_MAGNITUDE = {
    "a phase image": ("part-phase", "phase", "phase1", "phase2", "phasediff", "ph"),
    "a real part": ("part-real",),
    "an imaginary part": ("part-imag", "imaginary"),
    "a field map": ("fieldmap",),
    "a mask": ("mask",),
    "a label map": ("dseg", "seg", "aseg"),
    "a probability map": ("probseg",),
}


def know_suffixes(suffixes: Iterable[str]) -> None:
    """Take the suffixes of all readers, which import this module and so cannot be asked by it."""
    global SCAN_SUFFIXES
    SCAN_SUFFIXES = re.compile(rf"({'|'.join(map(re.escape, suffixes))})$", re.IGNORECASE)


def without_suffix(name: str) -> str:
    """A scan's file name without the suffix that says how it is stored."""
    return SCAN_SUFFIXES.sub("", name)


def not_magnitude(name: str) -> str | None:
    """What a file's name says that it is, if that is no magnitude image.

    Args:
        name: A file's name. The first word, up to an underscore, is a subject or a title and not looked at.

    Returns:
        Words with their article ("a phase image", "a mask"); None where the name says nothing of the kind.
    """
    words = without_suffix(name).split("_")[1:]
    if not name.startswith("sub-"):  # elsewhere those of a dynamic series
        words = [word for word in words if word not in ("phase1", "phase2")]
    telling = {word for word in words if word.startswith("part-")} | set(words[-1:])
    return next((kind for kind, known in _NOT_MAGNITUDE.items() if telling.intersection(known)), None)


def contrast_from_text(text: str) -> str:
    """The contrast that a file name or an acquisition attribute speaks of.

    What DICOM headers call a series is understood by `dicom.protocol.contrast_of`.

    Returns:
        "T1w", "T2w", "FLAIR", "PD" or "unknown". FLAIR goes before T2w, which often stands beside it; of a
        BIDS name the last word does, since the labels before it name other contrasts too (space-T1w).
    """
    suffix = text.rpartition("_")[2] if _BIDS_SUBJECT.search(text) else ""
    stated = _contrast_of_words(suffix)
    return stated if stated != "unknown" else _contrast_of_words(text)


def _contrast_of_words(text: str) -> str:
    words = [word for word in re.split(r"[^A-Za-z0-9*]+", text) if word]
    for contrast, pattern in CONTRASTS:
        if any(pattern.fullmatch(word) for word in words):
            return contrast
    return "unknown"


def subject_from_path(path: Path) -> str:
    """The person a scan shows, from the names of file and folders: training and validation are split by it.

    A BIDS label (`sub-01`, also of a parent folder) is taken as it is. Otherwise the name's leading words up
    to the first that holds a digit, without contrast, occasion and field strength, so that two visits of one
    person get one name, and so do two contrasts, whether they stand before the person or after. A file name
    that says nothing else (`p01/T1.nii.gz`) leaves it to the nearest folder that does. Where that holds no
    digit, it may be a collection, whose files a number tells apart (`train/scan01.nii.gz`: `train-scan01`,
    `train/pre01.nii.gz` and `train/post01.nii.gz`: `train-01`). A date alone, or with a time or the number of
    a series behind it, is the person, unless the next folder has a number of its own
    (`p01/20190403/T1.nii.gz`).
    """
    path = path.absolute()
    if label := bids_label(path):
        return label
    name = without_suffix(path.name)
    told = _person(name)
    folders = (parent.name for parent in path.parents if not _BIDS_BETWEEN.fullmatch(parent.name))
    spoken = (_person(folder) for folder in folders if not _FORMAT.fullmatch(folder))
    person, folder, *_ = *islice(filter(None, chain([told], spoken)), 2), NOBODY, NOBODY
    if DATE.fullmatch(person) and _is_numbered(folder):
        return folder
    number = NUMBERED.search(name)
    if told or number is None or person == NOBODY or any(map(str.isdigit, person)):
        return person
    return f"{person}-{number['number']}"


def _is_numbered(folder: str) -> bool:
    """Whether a folder's name holds a number that may be a person's."""
    return any(map(str.isdigit, folder)) and not _NUMBERED_OTHERWISE.fullmatch(folder)


def _person(name: str) -> str:
    """The words of a file's or a folder's name that may tell people apart; "" where there are none."""
    if published := PUBLISHED.match(name):
        return published["person"].replace("_", "-")
    for pattern in (OCCASION, FIELD_STRENGTH, MANNER):
        name = pattern.sub("", name)
    date = DATE.search(name)
    return _leading_words(DATE.sub(_SOME_DATE, name)) or (date["date"].replace(".", "-") if date else "")


def _leading_words(name: str) -> str:
    """The parts up to the first word with a digit, or to a contrast behind some part, joined by hyphens."""
    kept: list[str] = []
    dated = taken = False
    for word in name.split("_"):
        is_contrast = contrast_from_text(word) != "unknown"
        taken |= is_contrast
        before = len(kept)
        for part in filter(None, re.split(PART_END, word)):
            dated |= part == _SOME_DATE
            # Digits behind a date alone are a time or the number of a series.
            is_count = dated and not kept and part.isdigit()
            if not is_count and _may_be_a_person(part, kept[-1] if kept else "", taken):
                kept.append(part)
        # What follows a contrast says how it was taken or processed.
        if ((dated or kept) and is_contrast) or any(map(str.isdigit, "".join(kept[before:]))):
            break
    return "-".join(kept)


def _may_be_a_person(part: str, before: str, taken: bool) -> bool:
    """Whether a part tells people apart, by what was kept before it and whether a contrast was."""
    if part == _SOME_DATE or contrast_from_text(part) != "unknown":
        return False
    if not before:
        return not (taken and part.lower() in PROCESSED)
    return before.lower() in LABELS or not PERHAPS_OCCASION.fullmatch(part)


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
