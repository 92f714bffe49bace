"""The built-in brain phantom as a scan: something to work on for every command, without any download."""

from __future__ import annotations

import numpy as np

from lfsr_tf.physics.phantom import brain_phantom
from lfsr_tf.scans.geometry import voxel_to_world
from lfsr_tf.scans.scan import Scan

IN_PLANE_MM = 1.25
SLICE_MM = 5.5


def phantom_scan(seed: int, contrast: str, *, matrix: int = 192, slices: int = 20) -> Scan:
    """An axial scan of nobody, its middle voxel at (0, 0, 0).

    Args:
        seed: Who it is: one head, in every contrast.
        contrast: "T1w", "T2w" or "FLAIR".
        matrix: Pixels of 1.25 mm along both sides of a slice; 192 hold a whole head.
        slices: Slices of 5.5 mm; fewer show the middle of the head only.

    Returns:
        A noise-free scan of subject `sub-phantom<seed>`, voxels [X, Y, Z] to the right, front and up.

    Raises:
        ConfigError: An unknown contrast, a negative seed, or fewer than 16 pixels or 1 slice.
    """
    extent = (matrix * IN_PLANE_MM, matrix * IN_PLANE_MM, slices * SLICE_MM)
    voxels, spacing = brain_phantom(seed, contrast, shape=(matrix, matrix, slices), field_of_view=extent)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -voxel_to_world(affine, (matrix // 2, matrix // 2, (slices - 1) / 2))
    return Scan(voxels=voxels, affine=affine, subject=f"sub-phantom{seed:03d}", contrast=contrast)
