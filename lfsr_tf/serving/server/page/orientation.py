"""The slices of a scan as the page shows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.scans.hanging import hanging
from lfsr_tf.scans.scan import Scan


@dataclass(frozen=True)
class Hung:
    """Slices as they are shown.

    Attributes:
        slices: [N, rows, columns], in the order of the file, turned as `Hanging` says.
        aspect: Width over height of the field of view, in millimetres.
        edges: Letters of the patient's sides at the top, right, bottom and left.
    """

    slices: NDArray[np.float32]
    aspect: float
    edges: tuple[str, str, str, str]


def hang(scan: Scan) -> Hung:
    """Turn the slices of a scan for the screen."""
    how, slices = hanging(scan), scan.slices()
    height, width = np.multiply(slices.shape[1:], scan.in_plane_spacing)
    aspect = height / width if how.transposed else width / height
    return Hung(how.turned(slices), float(aspect), how.edges)
