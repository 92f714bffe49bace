"""High-field slices as the k-space that a low-field scanner would measure of them, with their truth."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.evaluation.kspace_split import OuterBand
from lfsr_tf.physics.effects import apply_random_phase
from lfsr_tf.physics.fourier import fft2c
from lfsr_tf.physics.randomness import complex_normal

# Not the stream of the phase, which has the same seeds.
_NOISE_STREAM = 0


def as_measured(
    hr: NDArray[np.float32], sigma: float, scale: int = 2, *, weights: NDArray[np.float64] | None = None
) -> OuterBand:
    """Slices with a smooth phase, and noise; each slice has its own, the same at every call.

    Args:
        hr: float32 [S, H, W], H and W multiples of `scale`.
        sigma: Noise of one channel in the image of the central block, in the unit of `hr`.
        scale: HR samples for each LR sample along an axis.
        weights: Of the columns of k-space, float64 [W]; None: 1.
    """
    height, width = hr.shape[1:]
    seeds = tf.stack([tf.range(len(hr)), tf.zeros(len(hr), tf.int32)], axis=1)
    kspace = fft2c(apply_random_phase(hr, seeds)).numpy()
    if weights is not None:
        kspace = kspace * weights.astype(np.float32)
    # The block's image is scaled by the ratio of the sides; so is its noise.
    whole = sigma * scale
    kspace = kspace + whole * complex_normal(seeds, (height, width), _NOISE_STREAM).numpy()
    noise = np.full((len(hr), 1, height, width), 2.0 * whole**2)
    return OuterBand.of(kspace[:, None].astype(np.complex64), noise, scale)
