"""The noise of a scan, from the best that its file holds."""

from __future__ import annotations

import tensorflow as tf

from lfsr_tf.physics.noise import NoiseEstimate, estimate_sigma_kspace, estimate_sigma_magnitude
from lfsr_tf.scans.scan import Scan


def measure_noise(scan: Scan) -> NoiseEstimate:
    """Estimate the standard deviation of one channel in the scan's own unit.

    Args:
        scan: Its k-space is used where the file held it, and of several coils it is the noise of their
            combined image; otherwise the background of the magnitude.

    Returns:
        The estimate; its sigma is None where neither shows the noise.
    """
    if scan.kspace is not None:
        return estimate_sigma_kspace(tf.constant(scan.kspace), coil_axis=1)
    return estimate_sigma_magnitude(tf.constant(scan.slices()), coils=scan.coils)
