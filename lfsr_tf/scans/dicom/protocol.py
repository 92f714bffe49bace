"""What a DICOM header says about the acquisition: contrast and acquired matrix."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydicom.dataset import Dataset

from lfsr_tf.scans.dicom.values import values_of

_FLAIR = re.compile(r"flair|dark.?fluid|tirm", re.IGNORECASE)
# A digit behind the name belongs to something else (T15, t10); T2* is not T2-weighted spin echo.
_T1 = re.compile(r"t1(?!\d)|mp2?rage|bravo|spgr", re.IGNORECASE)
_T2 = re.compile(r"t2(?!\d|\*|.?star)", re.IGNORECASE)
_PD = re.compile(r"(?<![a-z])pd(?![a-z])|pdw|proton.?density", re.IGNORECASE)

# Limits in milliseconds between the weightings of spin-echo and inversion-recovery brain protocols.
_SHORT_ECHO = 40.0
_LONG_ECHO = 60.0
_SHORT_REPETITION = 1200.0
_LONG_REPETITION = 1800.0
_FLUID_NULLING = 1400.0


@dataclass(frozen=True)
class Timing:
    """Echo, repetition and inversion time in milliseconds; None where the header does not say.

    Attributes:
        echo: Echo Time, or Effective Echo Time of a multi-frame file.
        repetition: Repetition Time.
        inversion: Inversion Time; None also where there is no inversion pulse.
    """

    echo: float | None = None
    repetition: float | None = None
    inversion: float | None = None


def contrast_of(texts: list[str], timing: Timing) -> str:
    """The weighting, from what the operator called the series, else from its timing.

    Args:
        texts: Series description, protocol and sequence names.
        timing: The sequence's times.

    Returns:
        "T1w", "T2w", "FLAIR", "PD" or "unknown".
    """
    text = " ".join(texts)
    named = {name for name, found in (("T1w", _T1), ("T2w", _T2), ("PD", _PD)) if found.search(text)}
    if _FLAIR.search(text):
        return "T1w" if named == {"T1w"} else "FLAIR"
    # A dual-echo series is named for both its weightings: its echo time decides.
    return named.pop() if len(named) == 1 else _contrast_from_timing(timing)


def _contrast_from_timing(timing: Timing) -> str:
    echo, repetition = timing.echo, timing.repetition
    if echo is None or repetition is None:
        return "unknown"
    if timing.inversion is not None:
        if echo >= _LONG_ECHO and timing.inversion >= _FLUID_NULLING:
            return "FLAIR"
        return "T1w" if echo <= _SHORT_ECHO and timing.inversion < _FLUID_NULLING else "unknown"
    if echo <= _SHORT_ECHO and repetition <= _SHORT_REPETITION:
        return "T1w"
    if repetition >= _LONG_REPETITION:
        return "T2w" if echo >= _LONG_ECHO else "PD" if echo <= _SHORT_ECHO else "unknown"
    return "unknown"


def acquired_matrix_classic(dataset: Dataset) -> tuple[int, int] | None:
    """Samples acquired along the columns' index and along the rows' index, from Acquisition Matrix.

    The tag holds frequency rows, frequency columns, phase rows, phase columns; two of the four are zero
    (PS3.3 C.8.3.1). "Rows" counts samples along a row, which is the column index, the scan's first axis.

    Returns:
        (along axis 0, along axis 1) of the scan, or None where the tag is missing or contradicts itself.
    """
    values = values_of(dataset, "AcquisitionMatrix")
    if len(values) != 4:
        return None
    counts = [int(value) for value in values]
    frequency, phase = counts[0] or counts[1], counts[2] or counts[3]
    along_row, along_column = counts[0] or counts[2], counts[1] or counts[3]
    direction = str(dataset.get("InPlanePhaseEncodingDirection") or "").upper()
    expected = _by_direction(frequency, phase, direction) or (along_row, along_column)
    if 0 in (along_row, along_column) or expected != (along_row, along_column):
        return None
    return _at_most_image((along_row, along_column), dataset)


def acquired_matrix_enhanced(dataset: Dataset, geometry: Dataset) -> tuple[int, int] | None:
    """The same from an item of the MR FOV/Geometry Sequence of a multi-frame file."""
    frequency = geometry.get("MRAcquisitionFrequencyEncodingSteps") or 0
    phase = geometry.get("MRAcquisitionPhaseEncodingStepsInPlane") or 0
    matrix = _by_direction(
        int(frequency), int(phase), str(geometry.get("InPlanePhaseEncodingDirection") or "").upper()
    )
    return None if matrix is None or 0 in matrix else _at_most_image(matrix, dataset)


def _by_direction(frequency: int, phase: int, direction: str) -> tuple[int, int] | None:
    """ROW: the phase is encoded along a row, so along the column index; COL: along a column."""
    if direction == "ROW":
        return phase, frequency
    return (frequency, phase) if direction.startswith("COL") else None


def _at_most_image(matrix: tuple[int, int], dataset: Dataset) -> tuple[int, int]:
    """More samples than pixels mean that the field of view was cut and that axis not interpolated."""
    return min(matrix[0], int(dataset.Columns)), min(matrix[1], int(dataset.Rows))
