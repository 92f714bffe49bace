"""How slices are shown: as radiologists hang them, whatever the order and direction of the voxel axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nibabel.orientations import io_orientation
from numpy.typing import NDArray

from lfsr_tf.scans.scan import Scan

# Of the negative and the positive end of the patient's axes.
_LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))


@dataclass(frozen=True)
class Hanging:
    """How the slices of a scan are turned for the screen.

    Attributes:
        transposed: Whether the first in-plane axis runs across the screen, not down.
        flipped: Axes of the transposed slices that are reversed: -2 (rows), -1 (columns).
        edges: Letters of the patient's sides at the top, right, bottom and left of a picture.
    """

    transposed: bool
    flipped: tuple[int, ...]
    edges: tuple[str, str, str, str]

    def turned(self, slices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn slices [..., H, W] of any matrix; a view, no copy.

        Returns:
            [..., rows, columns]: at the top of a picture is the patient's head or front, to its left the
            patient's right or front.
        """
        slices = np.swapaxes(slices, -2, -1) if self.transposed else slices
        return np.flip(slices, self.flipped)


def hanging(scan: Scan) -> Hanging:
    """How a scan is shown; an oblique one by the nearest axes of the patient."""
    orientation = io_orientation(scan.affine)
    # Of R, A and S, the later one runs up the screen and the earlier one across.
    across, up = sorted(scan.in_plane_axes, key=lambda axis: orientation[axis, 0])
    # Rows count downwards and columns to the right: against the patient's axes in both cases.
    flipped = tuple(place for place, axis in ((-2, up), (-1, across)) if orientation[axis, 1] > 0)
    bottom, top = _LETTERS[int(orientation[up, 0])]
    right, left = _LETTERS[int(orientation[across, 0])]
    return Hanging((up, across) != scan.in_plane_axes, flipped, (top, right, bottom, left))
