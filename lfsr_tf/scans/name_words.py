"""Words of scans' names: contrasts, occasions, and the names of published collections.

`naming` puts them together. All patterns ignore case.
"""

from __future__ import annotations

import re

# Hyphens, dots and blanks part a word: IXI002-Guys-0828-T1 is one.
PART_END = r"[-. ]"
_BEHIND = r"(?<=[-._ ])"
_BEGIN = rf"(?:^|{_BEHIND})"
_END = r"(?=[-._ ]|$)"


def _all_of(begin: str, *words: str, end: str = _END) -> re.Pattern[str]:
    return re.compile(rf"{begin}(?:{'|'.join(words)}){end}", re.IGNORECASE)


# The digits are M4Raw's repetition number (T101 is T1, repetition 1). T2* and maps are none of these.
_PLANE = "(?:AX|COR|SAG|TRA)?"
_WEIGHTED = "(?:WI?|WEIGHTED)?"
_SEQUENCE = "(?:TSE|FSE|SE|GRE|FFE|TFE|SPACE|CUBE)?"
_AGENT = "(?:PRE|POST|NATIVE|CE|C|N|GD|KM)?"
CONTRASTS = (
    (
        "FLAIR",
        re.compile(rf"(?:{_PLANE}|3D)(?:T2)?W?(?:FLAIR(?:3D)?|TIRM|DARKFLUID)(?:0\d)?|T2F", re.IGNORECASE),
    ),
    (
        "T1w",
        re.compile(
            rf"{_PLANE}(?:T1{_WEIGHTED}{_SEQUENCE}{_AGENT}(?:0\d)?|(?:T1)?(?:ME)?MP2?RAGE|F?SPGR|BRAVO|T1FLAIR)",
            re.IGNORECASE,
        ),
    ),
    ("T2w", re.compile(rf"{_PLANE}T2{_WEIGHTED}{_SEQUENCE}(?:0\d)?", re.IGNORECASE)),
    ("PD", re.compile(rf"{_PLANE}PD{_WEIGHTED}(?:FS)?(?:0\d)?", re.IGNORECASE)),
)
"""Names of contrasts and what whole words of a name say them."""

FIELD_STRENGTH = _all_of(_BEGIN, r"[A-Za-z]*\d+(?:[.p]\d+)?m?T")

_BEFORE_AFTER = r"(?:pre|post|intra)[-_]?(?:op|operative|surgery|treatment|therapy|contrast|gd|tx|rt)?"
OCCASION = _all_of(
    _BEGIN,
    r"ses-[a-z0-9]+",
    r"week-\d{3}-\d",  # LUMIERE's: two scans in one week
    r"(?:study|scan|time)-?\d+",
    r"(?:ses|session|visit|run|rep|acq|tp|timepoint|day|month|week|year)[-_ ]?\d+",
    rf"{_BEFORE_AFTER}\d*",
    r"baseline\d*|screening|rescan\d*|retest\d*|follow[-_ ]?up(?:[-_ ]?\d+)?",
)
"""Words that speak of an occasion wherever they stand."""

# Four digits and more behind pre and post are a year or a date.
NUMBERED = _all_of(_BEGIN, rf"(?:{_BEFORE_AFTER}(?!\d{{4}})|(?=scan))(?P<number>(?:scan-?)?\d+)")
"""Occasions whose number may tell files of a collection apart, where others speak of one person's visits."""

_YEAR = r"(?:19|20)\d\d"
_MONTH, _DAY = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_TIME = r"[T_-](?:[01]\d|2[0-3])(?P<colon>[-_:.]?)[0-5]\d(?P=colon)[0-5]\d(?:\.\d+)?"
DATE = _all_of(
    _BEGIN,
    rf"(?P<date>{_YEAR}{_MONTH}{_DAY}(?:\d{{6}})?|{_YEAR}(?P<between>[-.]){_MONTH}(?P=between){_DAY})(?:{_TIME})?",
)
"""Dates, with the time or without: a person's name where there is no other, but for a time set apart."""

MANNER = _all_of(
    _BEHIND,
    "bl",
    # With a number behind, such a word is a collection's: mgh_scan_001.
    r"(?:scan|test|axi?|axial|cor|coronal|sag|sagittal|tra|transverse|[23]d|tse|fse|gre|swi|dwi|tof)"
    r"(?=$|[-._ ]\D)",
)
"""What speaks of an occasion, or of how a scan was taken, only behind something else."""

PERHAPS_OCCASION = re.compile(
    rf"v\d{{1,2}}|[mwy]\d{{1,3}}|d\d{{1,4}}|t[03-9]|fu\d*|{_YEAR}|\d{{1,3}}(?:m|mo|months?|w|weeks?|d|days?|y|yrs?|years?)",
    re.IGNORECASE,
)
"""Parts of a word that are an occasion behind a person, and else a person themselves: M06 may be a man."""

_PEOPLE = "sub subj subject pat patient pt person participant volunteer case id no nr s p"
_GROUPS = "train val test control controls ctrl healthy hc nc cn ad mci ms"
_THINGS = "brain head mri mr img image file vol volume scan"
LABELS = frozenset(f"{_PEOPLE} {_GROUPS} {_THINGS}".split())
"""Small letters. What stands before the number that tells people apart, and tells nobody itself."""

PROCESSED = frozenset(["brain", "head", "acpc", "dc", "restore", "bet", "biascorr", "n4", "mni", "reg"])
"""Small letters. How an image was processed, where a contrast stands before it: T1w_acpc_dc_restore."""

PUBLISHED = re.compile(
    r"(?:ADNI_)?(?P<person>"
    r"OAS[12]_\d{4}"  # the session follows, as it does after most of these
    r"|\d{3}_S_\d{4,5}"
    r"|IXI\d{3}-[A-Z]+-\d{4}"
    r"|BraTS-[A-Z]+-\d{5}|BraTS20\d\d_\d{5}|BraTS20_(?:Training|Validation)_\d{3}|BraTS1[789]_[A-Z0-9]+_[A-Z0-9]+"
    r"|Center_\d+_Patient_\d+"
    r")(?=[-._]|$)",
    re.IGNORECASE,
)
"""The person in names of collections that follow habits of their own."""
