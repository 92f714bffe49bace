"""Changing the matrix of an image in k-space: the crop D, its adjoint, and what they do to images.

The operator of the method is F^-1 D F: transform, keep the central block of k-space, transform back
(de Leeuw den Bouter et al., Scientific Reports 12, 2022, doi:10.1038/s41598-022-10298-6). D is orthonormal,
so D D^T is the identity and zero-filling D^T is both its adjoint and its pseudo-inverse. `fourier_downsample`
and `zero_fill` scale by c = sqrt(samples out / samples in), so that a constant image keeps its value: for the
scaled pair the adjoint of the downsampling is c^2 times the scaled zero-filling (c^2 = 1/4 from 128 x 128 to
64 x 64), and its pseudo-inverse is the scaled zero-filling itself.

Resampling keeps sample 0 where it is: new sample n lies at n * (old size / new size) old samples.
"""

from __future__ import annotations

import math

import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.physics.fourier import image_to_kspace, kspace_to_image, matrix_size

Shape2D = tuple[int, int]


def crop_kspace(kspace: tf.Tensor, shape: Shape2D) -> tf.Tensor:
    """D: keep the central block of centred k-space.

    Args:
        kspace: Centred k-space [..., H, W], any dtype.
        shape: (h, w) of the block, at most (H, W).

    Returns:
        The block [..., h, w], its own centre at (h // 2, w // 2).

    Raises:
        ConfigError: The block is larger than the matrix.
    """
    _check_block(kspace.shape[-2:], shape)
    full = tf.shape(kspace)[-2:]
    top, left = full[0] // 2 - shape[0] // 2, full[1] // 2 - shape[1] // 2
    return kspace[..., top : top + shape[0], left : left + shape[1]]


def measured_kspace(image: tf.Tensor, shape: Shape2D) -> tf.Tensor:
    """D F: the central block of an image's k-space.

    The k-space of a real image is Hermitian, so half of it is computed: real images take half the time.

    Args:
        image: Real or complex image [..., H, W].
        shape: (h, w) of the block, at most (H, W).

    Returns:
        Centred k-space [..., h, w] of the orthonormal transform.

    Raises:
        ConfigError: The block is larger than the matrix.
    """
    image = tf.convert_to_tensor(image)
    if image.dtype.is_complex:
        return crop_kspace(image_to_kspace(image), shape)
    if image.dtype != tf.float64:
        image = tf.cast(image, tf.float32)
    _check_block(image.shape[-2:], shape)
    half = tf.signal.rfft2d(image)
    (full_height, full_width), (height, width) = matrix_size(image), shape
    above, left = height // 2, width // 2
    below = height - above
    right = tf.concat(
        [half[..., full_height - above :, : width - left], half[..., :below, : width - left]], -2
    )
    # K(-ky, -kx) is the complex conjugate of K(ky, kx).
    columns = slice(1, left + 1)
    mirrored = tf.concat([half[..., full_height + 1 - below :, columns], half[..., : above + 1, columns]], -2)
    block = tf.concat([tf.math.conj(tf.reverse(mirrored, axis=[-2, -1])), right], axis=-1)
    samples = tf.cast(full_height * full_width, image.dtype)
    return block / tf.cast(tf.sqrt(samples), block.dtype)


def zero_pad_kspace(kspace: tf.Tensor, shape: Shape2D) -> tf.Tensor:
    """D^T: put centred k-space [..., h, w] into the middle of zeros [..., H, W].

    Raises:
        ConfigError: The new matrix is smaller than the old one.
    """
    for size, new in zip(kspace.shape[-2:], shape, strict=True):
        if size is not None and new < size:
            raise ConfigError(f"Expected a matrix no smaller than {kspace.shape[-2:]}. Received: {shape}.")
    old, new_shape = tf.shape(kspace)[-2:], tf.constant(shape)
    before = new_shape // 2 - old // 2
    paddings = tf.stack([before, new_shape - old - before], axis=1)
    leading = tf.zeros([tf.rank(kspace) - 2, 2], paddings.dtype)
    padded = tf.pad(kspace, tf.concat([leading, paddings], axis=0))
    return tf.ensure_shape(padded, [*kspace.shape[:-2], *shape])


def fourier_downsample(image: tf.Tensor, shape: Shape2D) -> tf.Tensor:
    """F^-1 D F, scaled so that a constant image keeps its value.

    Args:
        image: Real or complex image [..., H, W].
        shape: (h, w) of the result, at most (H, W).

    Returns:
        Complex image [..., h, w]; take its magnitude or its real part.
    """
    return _resample(image, measured_kspace(tf.convert_to_tensor(image), shape))


def zero_fill(image: tf.Tensor, shape: Shape2D) -> tf.Tensor:
    """F^-1 D^T F, scaled so that a constant image keeps its value: sinc interpolation of a periodic image.

    Args:
        image: Real or complex image [..., h, w].
        shape: (H, W) of the result, at least (h, w).

    Returns:
        Complex image [..., H, W].
    """
    return _resample(image, zero_pad_kspace(image_to_kspace(image), shape))


def zero_fill_magnitude(image: tf.Tensor, shape: Shape2D) -> tf.Tensor:
    """Zero-fill a real image [..., h, w] to real [..., H, W]: the plainest way to more pixels."""
    return tf.math.real(zero_fill(image, shape))


def _check_block(matrix: tf.TensorShape, shape: Shape2D) -> None:
    for size, new in zip(matrix, shape, strict=True):
        if size is not None and new > size:
            raise ConfigError(f"Expected a block no larger than the matrix {matrix}. Received: {shape}.")


def _resample(image: tf.Tensor, kspace: tf.Tensor) -> tf.Tensor:
    result = kspace_to_image(kspace)
    old, new = (
        tf.cast(math.prod(matrix_size(tensor)), result.dtype.real_dtype) for tensor in (image, result)
    )
    return result * tf.cast(tf.sqrt(new / old), result.dtype)
