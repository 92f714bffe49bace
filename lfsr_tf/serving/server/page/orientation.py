"""How a slice is shown: as radiologists hang it, whatever the order and direction of the voxel axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nibabel.orientations import io_orientation
from numpy.typing import NDArray

from lfsr_tf.scans.scan import Scan

_LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))
"""Of the negative and the positive end of the patient's axes."""


@dataclass(frozen=True)
class Hanging:
    """Slices as they are shown.

    Attributes:
        slices: [N, rows, columns], in the order of the file: to the left of a picture is the patient's right
            or front, at its top the patient's front or head.
        spacing: Millimetres between rows, and between columns.
        edges: Letters of the patient's sides at the top, right, bottom and left.
    """

    slices: NDArray[np.float32]
    spacing: tuple[float, float]
    edges: tuple[str, str, str, str]

    @property
    def aspect(self) -> float:
        """Width over height of the field of view, in millimetres."""
        _, rows, columns = self.slices.shape
        return columns * self.spacing[1] / (rows * self.spacing[0])


def hang(scan: Scan) -> Hanging:
    """Turn the slices of a scan for the screen; oblique ones by the nearest axes of the patient."""
    orientation = io_orientation(scan.affine)
    sizes = scan.voxel_sizes
    # Of R, A and S, the later one runs up the screen and the earlier one across.
    across, up = sorted(scan.in_plane_axes, key=lambda axis: orientation[axis, 0])
    slices = np.moveaxis(scan.voxels, (scan.slice_axis, up, across), (0, 1, 2))
    # Rows count downwards and columns to the right: against the patient's axes in both cases.
    for place, axis in ((1, up), (2, across)):
        if orientation[axis, 1] > 0:
            slices = np.flip(slices, place)
    bottom, top = _LETTERS[int(orientation[up, 0])]
    right, left = _LETTERS[int(orientation[across, 0])]
    return Hanging(slices, (sizes[up], sizes[across]), (top, right, bottom, left))
