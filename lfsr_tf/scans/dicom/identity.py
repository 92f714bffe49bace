"""Whose images the files of a series are, and whether each is there once.

A Series Instance UID belongs to one series of one patient (PS3.3 C.7.3.1). Anonymisers that write the same
UID into everything, and folders into which two exports were copied, break that; slices of two heads would
then pass for one volume, and the split into training and validation would go by the name of the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from lfsr_tf.errors import ScanError, printable_line
from lfsr_tf.scans.naming import NOBODY, bids_label, stated_subject

_NO_PATIENT = (
    f"The file names no patient: the subject is {NOBODY!r}, as for all such files. Put it into a folder "
    "sub-LABEL to tell people apart."
)


@dataclass(frozen=True)
class Identity:
    """What one file says about itself.

    Attributes:
        path: The file.
        subject: Patient ID, else the patient's name, else "unknown".
        birth_date: Patient's Birth Date, or "".
        instance: SOP Instance UID, or "".
    """

    path: Path
    subject: str
    birth_date: str
    instance: str


def identity_of(path: Path, header: Dataset) -> Identity:
    """The identity that a file's header states."""
    return Identity(
        path=path,
        subject=subject_of(header),
        birth_date=str(header.get("PatientBirthDate") or "").strip(),
        instance=str(header.get("SOPInstanceUID") or "").strip(),
    )


def subject_of(header: Dataset) -> str:
    """Patient ID, else the patient's name, else "unknown"; placeholders such as ANONYMOUS are no names."""
    names = (str(header.get(keyword) or "") for keyword in ("PatientID", "PatientName"))
    return stated_subject(*names) or NOBODY


def subject_or_label(subject: str, path: Path) -> tuple[str, tuple[str, ...]]:
    """The subject of a scan, and a note where no one is named.

    Args:
        subject: As the header states it.
        path: The scan; a BIDS folder (`sub-01`) names the person where the header does not.
    """
    if subject != NOBODY:
        return subject, ()
    label = bids_label(path.absolute())
    return (label, ()) if label else (NOBODY, (_NO_PATIENT,))


def check_identities(identities: Sequence[Identity], name: str) -> None:
    """Refuse a series of two patients, or with one image twice.

    Args:
        identities: Of all files of the series.
        name: The series, for messages.

    Raises:
        ScanError: The files disagree about the patient, or two of them are the same instance.
    """
    _check_one_patient(identities, name)
    seen: dict[str, Identity] = {}
    for identity in identities:
        twin = seen.setdefault(identity.instance, identity) if identity.instance else identity
        if twin is not identity:
            raise ScanError(
                f"Expected every image once. Received: {twin.path.name} and {identity.path.name} of {name} "
                "with the same SOPInstanceUID. Remove the copy, or export the series again."
            )


def _check_one_patient(identities: Sequence[Identity], name: str) -> None:
    first = identities[0]
    # A missing birth date says nothing; two different ones are two people.
    born = next((identity for identity in identities if identity.birth_date), first)
    for other in identities[1:]:
        for one, same in (
            (first, other.subject == first.subject),
            (born, other.birth_date in ("", born.birth_date)),
        ):
            if not same:
                raise ScanError(
                    f"Expected one patient in a series. Received: {_person(one)} in {one.path.name} and "
                    f"{_person(other)} in {other.path.name} of {name}. Give each patient's files in a folder "
                    "of their own, with their own SeriesInstanceUID."
                )


def _person(identity: Identity) -> str:
    born = identity.birth_date or "at an unknown date"
    return printable_line(f"{identity.subject} (born {born})")
