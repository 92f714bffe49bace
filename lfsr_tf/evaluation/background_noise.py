"""Noise power of measured k-space, sample by sample, from the background of its image.

Low-field noise is not white: filters and interference make its power vary by ten and more across the
columns of k-space, also along its rows, and a little along the rows of the image. The background of the
image is transformed by itself, row by row weighted up by the part of the row that the head hides, so that
each image row counts as much as it would if it were background from end to end.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError
from lfsr_tf.physics.fourier import fft2c

# A row that the head nearly fills says too little about its noise.
_LEAST_ROW_FRACTION = 0.1
_LEAST_FRACTION = 0.1


def noise_power(images: NDArray[np.complex64], background: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Expected |noise|^2 of each sample of k-space.

    Args:
        images: complex64 [S, C, H, W], the centred image of each slice and coil.
        background: bool [S, H, W], where only noise is.

    Returns:
        float64 [S, C, H, W]; single samples scatter, sums over many do not.

    Raises:
        ScanError: The head fills nearly the whole image.
    """
    fraction = background.mean(axis=2, keepdims=True)
    usable = fraction >= _LEAST_ROW_FRACTION
    share = usable.mean(axis=(1, 2))
    if background.mean() < _LEAST_FRACTION or share.min() == 0.0:
        raise ScanError(
            f"Expected background in at least {_LEAST_FRACTION:.0%} of the image, to measure its noise. "
            f"Received: {background.mean():.0%}. Use k-space with a larger field of view."
        )
    weight = background * usable / np.sqrt(np.maximum(fraction, _LEAST_ROW_FRACTION))
    weighted = images * weight[:, np.newaxis].astype(np.float32)
    kspace = fft2c(tf.constant(weighted, tf.complex64)).numpy()
    power = np.square(np.abs(kspace.astype(np.complex128)))
    return np.asarray(power / share[:, np.newaxis, np.newaxis, np.newaxis])
