"""Where the slices of a processed scan lie, in DICOM's terms, measured against the input's own slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.errors import OutputError
from lfsr_tf.scans.dicom.frames import DicomHeader
from lfsr_tf.scans.dicom.geometry import LPS_TO_RAS
from lfsr_tf.scans.scan import Scan

# Millimetres below which a slice counts as unmoved, so that its position keeps the input's very digits.
_UNMOVED = 1e-3
_SAME_DIRECTION = 1e-3


@dataclass(frozen=True, eq=False)
class Placement:
    """One output slice.

    Attributes:
        source: Number of the nearest input slice, whose header it takes over.
        shift: float64 [3], LPS millimetres from that slice's first pixel to this one's; zeros where unmoved.
    """

    source: int
    shift: NDArray[np.float64]

    @property
    def moved(self) -> bool:
        """Whether the position differs from the input slice's."""
        return bool(self.shift.any())


def place_slices(scan: Scan, header: DicomHeader) -> list[Placement]:
    """For each slice along axis 2 of a scan, the input slice it comes from and how far it lies from it.

    A scan with the input's slices gets shifts of zero. One that was enhanced across the slices has more of
    them, and one that was padded or cropped has another first pixel: both are placed by the affine.

    Raises:
        OutputError: The scan's axes are turned against the input's, so its headers do not fit.
    """
    _check_axes(scan.affine, header.affine)
    placements = []
    for number in range(scan.voxels.shape[2]):
        position = scan.affine @ [0.0, 0.0, number, 1.0]
        index = float(np.linalg.solve(header.affine, position)[2])
        source = int(np.clip(np.rint(index), 0, header.slices - 1))
        shift = LPS_TO_RAS[:3, :3] @ (position - header.affine @ [0.0, 0.0, source, 1.0])[:3]
        placements.append(Placement(source, shift if np.linalg.norm(shift) > _UNMOVED else np.zeros(3)))
    return placements


def slice_spacing_changed(scan: Scan, header: DicomHeader) -> bool:
    """Whether the scan has other slice distances than the input."""
    old = float(np.linalg.norm(header.affine[:3, 2]))
    return abs(scan.voxel_sizes[2] - old) > _UNMOVED


def _check_axes(affine: NDArray[np.float64], original: NDArray[np.float64]) -> None:
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    expected = original[:3, :3] / np.linalg.norm(original[:3, :3], axis=0)
    if not np.allclose(directions, expected, atol=_SAME_DIRECTION):
        raise OutputError(
            "Expected a scan with the axes of its DICOM input. Received: one that was turned or flipped. "
            "Write it as NIfTI, or process it in the input's own orientation."
        )
