"""The value of air in scans whose voxels have a sign, such as z-scores: models know it as 0.

An affine map of a magnitude keeps its air at the lowest value. Taken off, it leaves a magnitude: of z-scores
of 14 of 16 development scans, and of values lowered by 0.3 of the reference, the result is then that of the
magnitude itself to 0.0005 of the reference (root mean square; 0.05 to 0.25 as they are); in the other two no
air is found. Phase-sensitive inversion recovery and real images have their air about 0, and what is lowest in
them is tissue: they stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tensorflow as tf

from lfsr_tf.physics.noise import estimate_sigma_magnitude
from lfsr_tf.scans.scan import Scan

LEAST_AIR = 0.2
"""Share of the voxels that air has: 0.28 or more in the development scans."""

_MORE_THAN_ABOUT_0 = 2.5
"""So many times more voxels show air than values about 0: in z-scores of development scans 4.8 times or more,
in phase-sensitive images whose tissue looks like noise at most 1.4 times."""


def air_level(scan: Scan) -> float | None:
    """Value of air in a scan, in its own unit.

    Args:
        scan: Any scan.

    Returns:
        0 for magnitudes. Of a signed scan its lowest value, where a masked background stands, or one that is
        distributed like noise; None where none does.
    """
    if scan.kspace is not None or not scan.signed:
        return 0.0
    lowest = float(scan.voxels.min())
    above = with_air_at(scan, lowest)
    # No noise: a mask, all of whose voxels have the lowest value.
    sigma = estimate_sigma_magnitude(tf.constant(above.slices()), coils=scan.coils).sigma or 0.0
    air = float(np.mean(above.voxels <= 3.0 * sigma))
    about_0 = float(np.mean(np.abs(scan.voxels) <= 1.5 * sigma))
    return lowest if air >= max(LEAST_AIR, _MORE_THAN_ABOUT_0 * about_0) else None


def with_air_at(scan: Scan, level: float) -> Scan:
    """The scan with `level` taken off every voxel."""
    return scan if level == 0.0 else replace(scan, voxels=scan.voxels - np.float32(level))
