"""Values of DICOM elements, which any file may hold in another number or type than the standard's."""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.valuerep import VR

from lfsr_tf.errors import ScanError, first_line, printable_line

# What pydicom raises for a value that is none of its type; BytesLengthException is no ValueError.
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


@contextmanager
def readable_values(path: Path) -> Iterator[None]:
    """Make one ScanError of what pydicom raises when a value is first asked for and is none of its type.

    Args:
        path: The file whose values are read in the block.

    Raises:
        ScanError: A value cannot be read.
    """
    try:
        yield
    except UNREADABLE as error:
        raise ScanError(
            f"Expected a DICOM header by the standard. Received: {path}, with a value that cannot be read "
            f"({printable_line(first_line(error)).rstrip('.')}). Copy it again from the scanner."
        ) from error


def readable_header(header: Dataset) -> Dataset:
    """A header without the elements whose values cannot be decoded, in its sequences too.

    Values are converted when they are asked for, so a damaged one that no reader needs (a private one, say)
    would be met first by a writer, after all the work.

    Args:
        header: With file meta information; it is not changed.
    """
    readable = _readable_elements(header)
    readable.file_meta = header.file_meta
    return readable


def _readable_elements(dataset: Dataset) -> Dataset:
    kept: dict[BaseTag, DataElement] = {}
    for tag in tuple(dataset.keys()):
        with contextlib.suppress(*UNREADABLE):
            element = dataset[tag]
            if element.VR == VR.SQ:
                element = DataElement(tag, VR.SQ, [_readable_elements(item) for item in element.value])
            kept[tag] = element
    return Dataset(kept)


def values_of(dataset: Dataset, keyword: str) -> tuple[Any, ...]:
    """All values of an element: pydicom gives a single one as it is; none where it is missing or empty."""
    value = dataset.get(keyword)
    if value is None or value == "":
        return ()
    return tuple(value) if isinstance(value, MultiValue | list | tuple) else (value,)


def positive(value: object) -> float | None:
    """A positive finite number, or None for an empty, zero or unreadable value."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if 0 < number < math.inf else None


def number_list(dataset: Dataset, keyword: str, count: int, label: str) -> NDArray[np.float64]:
    """The `count` finite numbers of an element that the geometry cannot do without.

    Raises:
        ScanError: The element is missing, has another length, or is not numeric.
    """
    try:
        values = np.atleast_1d(np.asarray(dataset.get(keyword), dtype=np.float64))
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (count,) or not np.isfinite(values).all():
        received = printable_line(str(dataset.get(keyword)))
        raise ScanError(
            f"Expected {count} numbers in {keyword}. Received: {received} in {label}. "
            "Without them the image has no place in the patient: use the scanner's own files."
        )
    return values
