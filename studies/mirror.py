"""Whether opposite samples of measured k-space repeat each other: part of `studies.transfer`.

The k-space of a real object is symmetric: a sample is the conjugate of the opposite one. The object's phase
is smooth, and can be taken off; the noise of two measured samples has nothing in common. So far from the
centre, where nearly all is noise, opposite samples agree only where one was made from the other: where a
reconstruction from a part of k-space (homodyne, POCS) has completed the rest.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.physics.fourier import fft2c, ifft2c
from lfsr_tf.physics.phase import directions, low_pass

# Of the way to the rim along both axes: the corners of k-space.
FAR = 0.7


def mirrored(kspace: NDArray[np.complex64]) -> float:
    """Correlation of samples in the corners with the conjugates of the opposite ones.

    Args:
        kspace: complex64 [S, C, H, W], centred.

    Returns:
        About 0 where both were measured, 1 where one was made from the other and the phase was known.
    """
    coils = tf.constant(kspace)
    smooth = ifft2c(low_pass(coils))
    flat = tf.reduce_sum(ifft2c(coils) * tf.math.conj(directions(smooth)), axis=1)
    # In air the phase follows the noise. An edge of the head would reach into the corners.
    head = np.linalg.norm(smooth, axis=1)
    # The first line of an even axis has no opposite one.
    samples = fft2c(flat * head).numpy()[:, 1 - kspace.shape[2] % 2 :, 1 - kspace.shape[3] % 2 :]
    rows, columns = (np.abs(np.linspace(-1.0, 1.0, size)) >= FAR for size in samples.shape[1:])
    corner, opposite = (of[:, np.outer(rows, columns)] for of in (samples, samples[:, ::-1, ::-1]))
    return float(np.real(np.sum(corner * opposite)) / np.sum(np.square(np.abs(corner))))
