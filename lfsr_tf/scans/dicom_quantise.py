"""A float volume as 16-bit DICOM pixels that give back the input's units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.valuerep import format_number_as_ds

from lfsr_tf.errors import ScanError

_LEVELS = 65535
# Percentiles between which a viewer first shows the volume: air dark, the brightest fat or vessel clipped.
_WINDOW = (1.0, 99.5)


@dataclass(frozen=True, eq=False)
class StoredVolume:
    """Pixels and what turns them back: value = slope x stored + intercept.

    Attributes:
        pixels: uint16 [slices, rows, columns].
        slope: The same for every slice, representable as a Decimal String.
        intercept: 0 where the volume has no negative value.
        window: Centre and width in the volume's units.
    """

    pixels: NDArray[np.uint16]
    slope: float
    intercept: float
    window: tuple[float, float]


def decimal(value: float) -> str:
    """A number as a Decimal String: at most 16 characters (PS3.5 table 6.2-1), whatever its size."""
    return format_number_as_ds(float(value) + 0.0)


def quantise(voxels: NDArray[np.float32]) -> StoredVolume:
    """Spread a volume over the 65,536 values of unsigned 16-bit pixels.

    Args:
        voxels: float32 [columns, rows, slices], finite.

    Returns:
        The pixels; a value read back differs by at most half the slope, which is the range / 65535.

    Raises:
        ScanError: A voxel is NaN or infinite.
    """
    if not np.isfinite(voxels).all():
        raise ScanError(
            "Expected finite voxels to write as DICOM. Received: NaN or infinite ones. Check the result."
        )
    volume = voxels.transpose(2, 1, 0).astype(np.float64)
    # The slope is used as it will be written: what a reader computes then agrees to the last digit.
    intercept = float(decimal(min(volume.min(), 0.0)))
    slope = float(decimal((volume.max() - intercept) / _LEVELS)) or 1.0
    pixels = np.clip(np.rint((volume - intercept) / slope), 0, _LEVELS).astype("<u2")
    return StoredVolume(pixels, slope, intercept, _window(volume))


def _window(volume: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(volume, _WINDOW)
    if high <= low:
        low, high = volume.min(), volume.max()
    width = float(high - low) or 1.0
    return float(low + high) / 2, width


def set_pixels(dataset: Dataset, pixels: NDArray[np.uint16]) -> None:
    """Put pixel data and its format into a dataset.

    Args:
        dataset: Changed in place.
        pixels: uint16 [rows, columns] or [frames, rows, columns].
    """
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.add_new("PixelData", "OW", np.ascontiguousarray(pixels).tobytes())


def set_rescale(dataset: Dataset, stored: StoredVolume) -> None:
    """Rescale slope and intercept, in a classic dataset or a Pixel Value Transformation item."""
    dataset.RescaleSlope = decimal(stored.slope)
    dataset.RescaleIntercept = decimal(stored.intercept)
    if not dataset.get("RescaleType"):
        dataset.RescaleType = "US"


def set_window(dataset: Dataset, stored: StoredVolume) -> None:
    """Window centre and width, in a classic dataset or a Frame VOI LUT item."""
    centre, width = stored.window
    dataset.WindowCenter, dataset.WindowWidth = decimal(centre), decimal(width)
    # The standard's default LINEAR function needs a width of 1 at least (PS3.3 C.11.2.1.2.1).
    if width < 1:
        dataset.VOILUTFunction = "LINEAR_EXACT"
    elif "VOILUTFunction" in dataset:
        del dataset.VOILUTFunction
