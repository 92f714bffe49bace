"""Turning slices upright for the eye: radiological view, whatever the order of the file's axes."""

from __future__ import annotations

import nibabel
import numpy as np
from numpy.typing import NDArray

from lfsr_tf.scans.scan import Scan

Directions = tuple[str, str]

# What stands at the bottom of the picture, and at its right side (radiological: the patient's left).
_BOTTOM = {"S": "I", "I": "I", "A": "P", "P": "P"}
_RIGHT_SIDE = {"R": "L", "L": "L", "A": "P", "P": "P"}


def slice_directions(scan: Scan) -> Directions:
    """Where the rows and the columns of a slice run to: two of R, L, A, P, S, I.

    An axis that runs askew counts for the direction that it is nearest to.
    """
    codes = nibabel.aff2axcodes(scan.affine)
    first, second = scan.in_plane_axes
    return str(codes[first]), str(codes[second])


def upright(image: NDArray[np.float32], directions: Directions) -> NDArray[np.float32]:
    """Turn one slice: head up, nose up in axial and left in sagittal slices, the patient's right on the left.

    Args:
        image: [H, W], any matrix.
        directions: Where H and W run to, from `slice_directions`.

    Returns:
        The same pixels, transposed and flipped.
    """
    down, across = directions
    if _is_vertical(across, than=down):
        image, down, across = image.T, across, down
    if _BOTTOM[down] != down:
        image = image[::-1]
    if _RIGHT_SIDE[across] != across:
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def _is_vertical(direction: str, than: str) -> bool:
    """Feet to head is vertical; else back to front is; left to right never."""
    rank = {"S": 2, "I": 2, "A": 1, "P": 1, "R": 0, "L": 0}
    return rank[direction] > rank[than]
