"""High-field slices as the k-space that a low-field scanner would measure of them, with their truth."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.evaluation.acquisitions import StudyVolume
from lfsr_tf.evaluation.kspace_split import OuterBand
from lfsr_tf.physics.effects import apply_random_phase
from lfsr_tf.physics.fourier import fft2c
from lfsr_tf.physics.randomness import complex_normal

# Not the stream of the phase, which has the same seeds.
_NOISE_STREAM = 0


def as_measured(
    volume: StudyVolume, sigma: float, *, weights: NDArray[np.float64] | None = None
) -> OuterBand:
    """The chosen slices of a volume with a smooth phase, and noise.

    Each slice has its own of both at each noise level, the same at every call.

    Args:
        volume: The truth.
        sigma: Noise of one channel in the image of the central block, in the unit of the truth.
        weights: Of the columns of k-space, float64 [W]; None: 1.
    """
    seeds = tf.constant(volume.seeds(sigma, 0)[volume.chosen])
    kspace = fft2c(apply_random_phase(volume.truth, seeds)).numpy()
    if weights is not None:
        kspace = kspace * weights.astype(np.float32)
    # The block's image is scaled by the ratio of the sides; so is its noise.
    whole = sigma * volume.scale
    kspace = kspace + whole * complex_normal(seeds, volume.hr_shape, _NOISE_STREAM).numpy()
    kspace = kspace[:, None].astype(np.complex64)
    return OuterBand.of(kspace, np.full(kspace.shape, 2.0 * whole**2), volume.scale)
