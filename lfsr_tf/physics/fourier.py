"""Orthonormal two-dimensional Fourier transforms between image space and k-space.

Two pairs, which differ in where the image has its origin. Both show k-space with its centre at index N // 2.

- `fft2c` / `ifft2c`: the image is centred too. Scanner data (fastMRI, ISMRMRD) is stored like this.
- `image_to_kspace` / `kspace_to_image`: the image's origin is sample 0. All resampling uses this pair, because
  only so sample 0 keeps its place for odd matrix sizes as well as even ones.

All functions take real or complex tensors of any rank of 2 or more, act on the last two axes (H, W), and run
batched, eagerly or inside a `tf.function`, on CPU and GPU.
"""

from __future__ import annotations

import tensorflow as tf

_HW = (-2, -1)


def as_complex(tensor: tf.Tensor) -> tf.Tensor:
    """Return `tensor` as complex64 (complex128 for float64 input); a complex tensor is returned as it is."""
    tensor = tf.convert_to_tensor(tensor)
    if tensor.dtype.is_complex:
        return tensor
    if tensor.dtype != tf.float64:
        return tf.cast(tensor, tf.complex64)
    return tf.cast(tensor, tf.complex128)


def _orthonormal_scale(tensor: tf.Tensor) -> tf.Tensor:
    samples = tf.reduce_prod(tf.shape(tensor)[-2:])
    return tf.cast(tf.sqrt(tf.cast(samples, tensor.dtype.real_dtype)), tensor.dtype)


def fft2c(image: tf.Tensor) -> tf.Tensor:
    """Centred image [..., H, W] to centred k-space [..., H, W], orthonormal."""
    return tf.signal.fftshift(_fft2(tf.signal.ifftshift(as_complex(image), axes=_HW)), axes=_HW)


def ifft2c(kspace: tf.Tensor) -> tf.Tensor:
    """Centred k-space [..., H, W] to centred complex image [..., H, W], orthonormal."""
    return tf.signal.fftshift(_ifft2(tf.signal.ifftshift(as_complex(kspace), axes=_HW)), axes=_HW)


def image_to_kspace(image: tf.Tensor) -> tf.Tensor:
    """Image [..., H, W] with its origin at sample 0 to centred k-space [..., H, W], orthonormal."""
    return tf.signal.fftshift(_fft2(as_complex(image)), axes=_HW)


def kspace_to_image(kspace: tf.Tensor) -> tf.Tensor:
    """Centred k-space [..., H, W] to the complex image [..., H, W] with its origin at sample 0, orthonormal."""
    return _ifft2(tf.signal.ifftshift(as_complex(kspace), axes=_HW))


def _fft2(image: tf.Tensor) -> tf.Tensor:
    return tf.signal.fft2d(image) / _orthonormal_scale(image)


def _ifft2(kspace: tf.Tensor) -> tf.Tensor:
    return tf.signal.ifft2d(kspace) * _orthonormal_scale(kspace)
