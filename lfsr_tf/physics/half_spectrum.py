"""The k-space crop of real images by half transforms: half the work, and channels that stay apart.

K-space of a real image is Hermitian, K(-k) = conj K(k), so half of its columns tell all of it. A block of odd
sizes is Hermitian too, and its image is real. A block of even sizes has the frequency -n at its edge and
lacks +n. Its Hermitian part has the mean of both there and gives the real channel; what is left is one row
and one column of k-space, that is one function of x and one of y, and gives the imaginary channel.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.physics.channels import Channels
from lfsr_tf.physics.fourier import Shape2D, matrix_size


def downsampled_channels(image: tf.Tensor, shape: Shape2D) -> Channels:
    """F^-1 D F of real images by plain transforms, which lack the factor that keeps constants.

    Args:
        image: float32 or float64 [..., H, W].
        shape: (h, w) of the result, at most (H, W).

    Returns:
        Real and imaginary channel, each [..., h, w] in the dtype of the image.
    """
    (full_height, _), (height, width) = matrix_size(image), shape
    half, edge, columns = tf.signal.rfft2d(image), height // 2, width // 2 + 1
    rows = [half[..., : height - edge, :columns], half[..., full_height - edge :, :columns]]
    of_edges = []
    if height % 2 == 0:
        positive, negative = (half[..., row : row + 1, :columns] for row in (edge, full_height - edge))
        difference = (negative - positive) * _but_the_corner(width, half.dtype)
        rows[1:] = [positive + difference, half[..., full_height - edge + 1 :, :columns]]
        of_edges.append(_of_edge_row(difference, shape))
    block = tf.concat(rows, -2)
    if width % 2 == 0:
        of_edges.append(_of_edge_column(block[..., -1], shape))
    real = tf.signal.irfft2d(block, shape)
    return real, sum(of_edges[1:], of_edges[0]) if of_edges else tf.zeros_like(real)


def _but_the_corner(width: int, dtype: tf.DType) -> NDArray[np.complexfloating]:
    """One half for each column of the edge row; 0 for the corner of the block, which the edge column has."""
    weights = np.full(width // 2 + 1, 0.5, dtype.as_numpy_dtype)
    if width % 2 == 0:
        weights[-1] = 0.0
    return weights


def _of_edge_row(difference: tf.Tensor, shape: Shape2D) -> tf.Tensor:
    """Imaginary channel from half the difference between rows -n and +n, complex [..., 1, w // 2 + 1]."""
    of_x = tf.signal.irfft(difference * tf.constant(-1j / shape[0], difference.dtype), shape[1:])
    return _signs(shape[0], of_x.dtype)[:, None] * of_x


def _of_edge_column(column: tf.Tensor, shape: Shape2D) -> tf.Tensor:
    """Imaginary channel from column +n, complex [..., h]: the block has -n there, the conjugate image."""
    of_y = tf.math.imag(tf.signal.ifft(column))
    return of_y[..., None] * (_signs(shape[1], of_y.dtype) / -shape[1])


def _signs(size: int, dtype: tf.DType) -> NDArray[np.floating]:
    """The wave of the highest frequency: 1, -1, 1, ..."""
    return (1 - 2 * (np.arange(size) % 2)).astype(dtype.as_numpy_dtype)
