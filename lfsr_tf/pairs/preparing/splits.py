"""Who trains and who validates: by subject, never by slice."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from lfsr_tf.errors import ConfigError
from lfsr_tf.hashing import stable_fraction

_log = logging.getLogger(__name__)

_LETTERS = r"[-_. ]+[a-z]{1,8}|(?<=\d)[a-z]{1,2}"
_LETTERED = re.compile(rf"(?:{_LETTERS})$", re.IGNORECASE)
# All digits at the end or none: p1 is no person whose second scan is p10.
_TAIL = re.compile(rf"(?:{_LETTERS}|[-_. ]*(?<!\d)\d{{1,2}})$", re.IGNORECASE)
# More people than these whose names begin alike are a collection (study-anna, study-bob, ...).
_MOST_ALIKE = 4


def split_of_subject(subject: str, validation_fraction: float) -> str:
    """The side of a subject by a stable hash of the name as it is spelt: the same on every machine.

    Args:
        subject: Identifier of the person.
        validation_fraction: Expected fraction of subjects that validate, in [0, 1).

    Returns:
        "train" or "validation".
    """
    return "validation" if stable_fraction("split", subject) < validation_fraction else "train"


def sides_of_subjects(subjects: Iterable[str], validation_fraction: float) -> dict[str, str]:
    """The side of each subject, one for all spellings in small and capital letters (Anna01, anna01).

    A name keeps its side whoever else is there, but for its own other spellings: where Anna01 joins, anna01
    goes to the side of Anna01.

    Args:
        subjects: Identifiers of people; those of one person get the side of the first spelling in order.
        validation_fraction: As `split_of_subject` takes it.

    Returns:
        "train" or "validation" by subject.
    """
    spellings = sorted(set(subjects))
    first = {name.casefold(): name for name in reversed(spellings)}
    return {name: split_of_subject(first[name.casefold()], validation_fraction) for name in spellings}


def check_disjoint(sides: Mapping[str, Iterable[str]], what: str) -> None:
    """Refuse anything that stands on both sides, in whatever small and capital letters.

    Args:
        sides: "train" and "validation" and what stands on each.
        what: What is compared, for the message.

    Raises:
        ConfigError: Something stands on both sides.
    """
    train, validation = (_spellings(sides[side]) for side in ("train", "validation"))
    both = ["/".join(sorted(train[name] | validation[name])) for name in sorted(train.keys() & validation)]
    if both:
        named = ", ".join(both[:5]) + (f" and {len(both) - 5} more" if len(both) > 5 else "")
        raise ConfigError(
            f"Expected every {what} on one side only. Received: {named} in both training and validation. "
            "Remove it from one."
        )


def _spellings(names: Iterable[str]) -> dict[str, set[str]]:
    spellings = defaultdict(set)
    for name in names:
        spellings[name.casefold()].add(name)
    return spellings


def is_guessed(subject: str, path: str) -> bool:
    """Whether a subject may be words of the path alone, and no BIDS label (`sub-01`).

    Args:
        subject: Identifier of a person that no manifest states.
        path: The scan.
    """
    label = re.fullmatch(r"sub-[A-Za-z0-9]+", subject)
    return label is None and all(word in path for word in subject.split("-"))


def warn_of_names_alike(sides: Mapping[str, Iterable[str]]) -> None:
    """Say, in one line, that two people on different sides may be one, as far as their names tell.

    Names are alike that differ by a short tail alone (smith-early and smith-late, p07 and p07b); numbers at
    the end do not make them so (p1 and p10), unless one name has none (smith and smith-2).

    Args:
        sides: "train" and "validation" and the subjects on each that names of files told.
    """
    side = {name: side for side, names in sides.items() for name in names}
    pairs = []
    for family in _families(side):
        train, validation = (
            [name for name in family if side[name] == one] for one in ("train", "validation")
        )
        if train and validation:
            pairs.append((train[0], validation[0]))
    if pairs:
        among = f" (one of {len(pairs)} such pairs)" if len(pairs) > 1 else ""
        _log.warning(
            "%s in training and %s in validation may be one person%s: only their files' names tell who they "
            "are. A manifest with a column subject, or a folder for each person, tells for sure.",
            *pairs[0],
            among,
        )


def _families(names: Iterable[str]) -> list[list[str]]:
    """Groups of a few names that are one but for a short tail."""
    by_stem = defaultdict(set)
    for name in names:
        by_stem[name.casefold()].add(name)
        if stem := _TAIL.sub("", name.casefold()):
            by_stem[stem].add(name)
    families = []
    for stem, members in sorted(by_stem.items()):
        whole = any(name.casefold() == stem for name in members)
        family = sorted(name for name in members if whole or _LETTERED.search(name))
        if 2 <= len(family) <= _MOST_ALIKE:
            families.append(family)
    return families
