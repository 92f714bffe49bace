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
from lfsr_tf.physics.channels import Channels, channels_of, magnitude_of
from lfsr_tf.physics.fourier import Shape2D, image_to_kspace, kspace_to_image, matrix_size
from lfsr_tf.physics.half_spectrum import downsampled_channels


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

    Args:
        image: Real or complex image [..., H, W].
        shape: (h, w) of the block, at most (H, W).

    Returns:
        Centred k-space [..., h, w] of the orthonormal transform.

    Raises:
        ConfigError: The block is larger than the matrix.
    """
    image = tf.convert_to_tensor(image)
    block = transform_block(image, shape)
    samples = tf.cast(math.prod(matrix_size(image)), block.dtype.real_dtype)
    return tf.signal.fftshift(block, axes=(-2, -1)) / tf.cast(tf.sqrt(samples), block.dtype)


def transform_block(image: tf.Tensor, shape: Shape2D) -> tf.Tensor:
    """D F as the plain transform gives it: without a factor, and with frequency 0 first.

    Samples that go back into image space need neither; each costs a pass over them. The k-space of a real
    image is Hermitian, so half of it is computed: real images take half the time.

    Args:
        image: Real or complex image [..., H, W].
        shape: (h, w) of the block, at most (H, W).

    Returns:
        Complex [..., h, w], in the order of `tf.signal.fft2d` for such a matrix.

    Raises:
        ConfigError: The block is larger than the matrix.
    """
    image = tf.convert_to_tensor(image)
    _check_block(image.shape[-2:], shape)
    (full_height, full_width), (height, width) = matrix_size(image), shape
    above, left = height // 2, width // 2
    below, right = height - above, width - left
    if image.dtype.is_complex:
        whole = tf.signal.fft2d(image)
        rows = tf.concat([whole[..., :below, :], whole[..., full_height - above :, :]], -2)
        return tf.concat([rows[..., :right], rows[..., full_width - left :]], -1)
    half = tf.signal.rfft2d(_as_float(image))
    positive = tf.concat([half[..., :below, :right], half[..., full_height - above :, :right]], -2)
    # K(-ky, -kx) is the complex conjugate of K(ky, kx).
    first, others, columns = slice(0, 1), slice(full_height - 1, full_height - below, -1), slice(left, 0, -1)
    mirrored = [half[..., rows, columns] for rows in (first, others, slice(above, 0, -1))]
    return tf.concat([positive, tf.math.conj(tf.concat(mirrored, -2))], -1)


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
    image = tf.convert_to_tensor(image)
    result = tf.complex(*unscaled_downsample(image, shape))
    return result * tf.cast(growth(image, shape, result.dtype.real_dtype), result.dtype)


def fourier_downsample_magnitude(image: tf.Tensor, shape: Shape2D) -> tf.Tensor:
    """|F^-1 D F|, scaled so that a constant image keeps its value: `fourier_downsample` for magnitudes.

    Args:
        image: Real or complex image [..., H, W].
        shape: (h, w) of the result, at most (H, W).

    Returns:
        Real image [..., h, w].
    """
    image = tf.convert_to_tensor(image)
    result = magnitude_of(unscaled_downsample(image, shape))
    return result * growth(image, shape, result.dtype)


def unscaled_downsample(image: tf.Tensor, shape: Shape2D) -> Channels:
    """F^-1 D F by plain transforms: times `growth` it is `fourier_downsample`.

    Args:
        image: Real or complex image [..., H, W].
        shape: (h, w) of the result, at most (H, W).

    Returns:
        Real and imaginary channel, each [..., h, w].

    Raises:
        ConfigError: The block is larger than the matrix.
    """
    image = tf.convert_to_tensor(image)
    if image.dtype.is_complex:
        return channels_of(tf.signal.ifft2d(transform_block(image, shape)))
    _check_block(image.shape[-2:], shape)
    return downsampled_channels(_as_float(image), shape)


def growth(image: tf.Tensor, shape: Shape2D, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Samples of a result of `shape` for each one of the image [..., H, W]: a number of `dtype`.

    Plain transforms from H x W to h x w are multiplied by it, for constants to keep their value.
    """
    old, new = (tf.cast(math.prod(sizes), dtype) for sizes in (matrix_size(image), shape))
    return new / old


def zero_fill(image: tf.Tensor, shape: Shape2D) -> tf.Tensor:
    """F^-1 D^T F, scaled so that a constant image keeps its value: sinc interpolation of a periodic image.

    Args:
        image: Real or complex image [..., h, w].
        shape: (H, W) of the result, at least (h, w).

    Returns:
        Complex image [..., H, W].
    """
    result = kspace_to_image(zero_pad_kspace(image_to_kspace(image), shape))
    return result * tf.cast(tf.sqrt(growth(image, shape, result.dtype.real_dtype)), result.dtype)


def zero_fill_magnitude(image: tf.Tensor, shape: Shape2D) -> tf.Tensor:
    """Zero-fill a real image [..., h, w] to real [..., H, W]: the plainest way to more pixels."""
    return tf.math.real(zero_fill(image, shape))


def _as_float(image: tf.Tensor) -> tf.Tensor:
    return image if image.dtype == tf.float64 else tf.cast(image, tf.float32)


def _check_block(matrix: tf.TensorShape, shape: Shape2D) -> None:
    for size, new in zip(matrix, shape, strict=True):
        if size is not None and new > size:
            raise ConfigError(f"Expected a block no larger than the matrix {matrix}. Received: {shape}.")
