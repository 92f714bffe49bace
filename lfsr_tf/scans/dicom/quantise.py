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
# As many evenly spread voxels as the window is taken from; it need not be exact, and sorting all takes long.
_WINDOW_SAMPLES = 2_000_000


@dataclass(frozen=True)
class Quantisation:
    """How a volume's values are stored: value = slope x stored + intercept, the same for every slice.

    Attributes:
        slope: Representable as a Decimal String, so that what a reader computes agrees to the last digit.
        intercept: 0 where the volume has no negative value; representable as well.
        window: Centre and width in the volume's units.
    """

    slope: float
    intercept: float
    window: tuple[float, float]

    def store(self, plane: NDArray[np.float32]) -> NDArray[np.uint16]:
        """Pixels [rows, columns] of a plane of voxels [columns, rows]; off by half a slope at most."""
        scaled = (plane.T.astype(np.float64) - self.intercept) / self.slope
        return np.clip(np.rint(scaled), 0, _LEVELS).astype("<u2")


def decimal(value: float) -> str:
    """A number as a Decimal String: at most 16 characters (PS3.5 table 6.2-1), whatever its size."""
    return format_number_as_ds(float(value) + 0.0)


def quantisation_of(voxels: NDArray[np.float32]) -> Quantisation:
    """Spread the values of a volume over the 65,536 of unsigned 16-bit pixels.

    Args:
        voxels: float32 [columns, rows, slices], finite.

    Raises:
        ScanError: A voxel is NaN or infinite.
    """
    low, high = float(voxels.min()), float(voxels.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ScanError(
            "Expected finite voxels to write as DICOM. Received: NaN or infinite ones. Check the result."
        )
    intercept = float(decimal(min(low, 0.0)))
    slope = float(decimal((high - intercept) / _LEVELS)) or 1.0
    return Quantisation(slope, intercept, _window(voxels))


def _window(voxels: NDArray[np.float32]) -> tuple[float, float]:
    stride = max(1, round((voxels.size / _WINDOW_SAMPLES) ** (1 / 3)))
    low, high = np.percentile(voxels[::stride, ::stride, ::stride].astype(np.float64), _WINDOW)
    return float(low + high) / 2, float(high - low) or 1.0


def put(dataset: Dataset, plane: NDArray[np.float32], quantisation: Quantisation) -> None:
    """Put a plane of voxels [columns, rows] into a dataset: pixels, their format, rescaling and window."""
    pixels = quantisation.store(plane)
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.add_new("PixelData", "OW", pixels.tobytes())
    dataset.RescaleSlope, dataset.RescaleIntercept = map(
        decimal, (quantisation.slope, quantisation.intercept)
    )
    if not dataset.get("RescaleType"):
        dataset.RescaleType = "US"
    dataset.WindowCenter, dataset.WindowWidth = map(decimal, quantisation.window)
    # The standard's default LINEAR function needs a width of 1 at least (PS3.3 C.11.2.1.2.1).
    if quantisation.window[1] < 1:
        dataset.VOILUTFunction = "LINEAR_EXACT"
    else:
        dataset.pop("VOILUTFunction", None)
