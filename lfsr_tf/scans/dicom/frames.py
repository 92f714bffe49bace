"""One DICOM image plane, whether it stands in a file of its own or in a multi-frame one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from lfsr_tf.errors import ScanError, printable_line
from lfsr_tf.scans.dicom.values import number_list, positive, values_of

ENHANCED_MR_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR Image Storage
        "1.2.840.10008.5.1.4.1.1.4.4",  # Legacy Converted Enhanced MR Image Storage
    }
)
MR_CLASSES = ENHANCED_MR_CLASSES | {"1.2.840.10008.5.1.4.1.1.4"}  # MR Image Storage

_COMPONENTS = {
    "M": "magnitude",
    "M_FFE": "magnitude",
    "MAGNITUDE": "magnitude",
    "P": "phase",
    "PHASE": "phase",
    "PHASE MAP": "phase",
    "R": "real",
    "REAL": "real",
    "I": "imaginary",
    "IMAGINARY": "imaginary",
}


@dataclass(frozen=True, eq=False)
class Frame:
    """Where one plane lies and what tells it from others at the same place.

    Attributes:
        index: Place of its pixels in the decoded stack of the series or file.
        position: float64 [3], LPS millimetres, centre of the first pixel (Image Position (Patient)).
        row: float64 [3], unit vector along a row, in the direction of growing column index.
        column: float64 [3], unit vector down a column, in the direction of growing row index.
        spacing: Millimetres between rows and between columns (Pixel Spacing, in the tag's order).
        thickness: Nominal distance to the next slice, used only where there is a single slice.
        stack: Stack ID of a multi-frame file; slices of different stacks are never one volume.
        component: "magnitude", "phase", "real" or "imaginary".
        traits: Values that differ between volumes taken at the same place (echo, time point, b-value, ...),
            most telling first.
        label: File, or file and frame number, for error messages.
    """

    index: int
    position: NDArray[np.float64]
    row: NDArray[np.float64]
    column: NDArray[np.float64]
    spacing: tuple[float, float]
    thickness: float
    stack: str = "1"
    component: str = "magnitude"
    traits: Mapping[str, Hashable] = field(default_factory=dict)
    label: str = ""

    @property
    def normal(self) -> NDArray[np.float64]:
        """float64 [3], unit vector across the slices; with row and column it is right-handed in LPS."""
        return np.cross(self.row, self.column)


@dataclass(frozen=True, eq=False)
class DicomHeader:
    """What the DICOM writer needs of the scan that was read.

    Attributes:
        datasets: Without pixel data: one a slice in slice order, or the one multi-frame file.
        frames: For a multi-frame file the numbers (from 0) of this volume's frames in slice order, else
            empty.
        affine: float64 [4, 4], RAS+, of the scan as it was read; the writer measures shifts against it.
        volume: Number of this volume among those of the series, from 1.
        volumes: How many the series has.
    """

    datasets: tuple[Dataset, ...]
    frames: tuple[int, ...]
    affine: NDArray[np.float64]
    volume: int = 1
    volumes: int = 1

    @property
    def multiframe(self) -> bool:
        """Whether the scan came from one multi-frame file."""
        return bool(self.frames)

    @property
    def slices(self) -> int:
        """Number of slices of the volume."""
        return len(self.frames) or len(self.datasets)


def check_is_mr_image(dataset: Dataset, name: str) -> None:
    """Refuse other modalities and mosaics, whose slices lie side by side in one image.

    Raises:
        ScanError: With what was found.
    """
    modality = printable_line(str(dataset.get("Modality") or "MR"))
    if modality != "MR":
        raise ScanError(f"Expected an MR image. Received: {name} of modality {modality}. Give the MR series.")
    if "MOSAIC" in [str(word).upper() for word in values_of(dataset, "ImageType")]:
        raise ScanError(
            f"Expected one slice a file. Received: {name}, a mosaic of slices. "
            "Convert the series to NIfTI (dcm2niix) and give that."
        )


def component_of(words: Sequence[object], explicit: str | None) -> str:
    """What a pixel shows of the complex signal: "magnitude", "phase", "real" or "imaginary".

    Args:
        words: The values of Image Type or Frame Type; those from the third on may name the component.
        explicit: Complex Image Component, where the file has it. MIXED leaves the decision to `words`.
    """
    if explicit and explicit.upper() in _COMPONENTS:
        return _COMPONENTS[explicit.upper()]
    names = [str(word).upper() for word in words[2:]]
    return next((_COMPONENTS[name] for name in names if name in _COMPONENTS), "magnitude")


def reading_notes(frames: Sequence[Frame], *, inverted: bool) -> tuple[str, ...]:
    """What a reader of the scan should know about the way it was read, a sentence each.

    Args:
        frames: All planes of the series or file.
        inverted: Whether the values were mirrored.
    """
    notes = []
    left_out = sum(frame.component != "magnitude" for frame in frames)
    if left_out:
        notes.append(f"{left_out} phase, real or imaginary images of the series were left out.")
    if inverted:
        notes.append("The pixels are MONOCHROME1; their values were mirrored at the largest one.")
    return tuple(notes)


def unit_vectors(dataset: Dataset, label: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Row and column directions of Image Orientation (Patient), as unit vectors.

    Raises:
        ScanError: The element is missing or is not a pair of perpendicular directions.
    """
    cosines = number_list(dataset, "ImageOrientationPatient", 6, label)
    row, column = cosines[:3], cosines[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    # Files round the cosines to four digits or more.
    if not np.allclose(lengths, 1, atol=1e-2) or abs(row @ column) > 1e-2:
        raise ScanError(
            "Expected two perpendicular unit vectors in ImageOrientationPatient. Received: "
            f"{cosines.tolist()} in {label}. Use the scanner's own files."
        )
    return row / lengths[0], column / lengths[1]


def pixel_spacing(dataset: Dataset, label: str) -> tuple[float, float]:
    """Millimetres between rows and between columns.

    Raises:
        ScanError: The element is missing or not positive.
    """
    between_rows, between_columns = number_list(dataset, "PixelSpacing", 2, label)
    if between_rows <= 0 or between_columns <= 0:
        raise ScanError(
            f"Expected two positive lengths in PixelSpacing. Received: {between_rows}, {between_columns} in "
            f"{label}. Use the scanner's own files."
        )
    return float(between_rows), float(between_columns)


def slice_distance(dataset: Dataset) -> float:
    """Nominal distance between slices: Spacing Between Slices, else Slice Thickness, else 1 mm."""
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        if value := positive(dataset.get(keyword)):
            return value
    return 1.0
