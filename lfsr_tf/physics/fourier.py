"""Orthonormal two-dimensional Fourier transforms between image space and k-space.

Two pairs, which differ in where the image has its origin. Both show k-space with its centre at index N // 2.

- `fft2c` / `ifft2c`: the image is centred too. Scanner data (fastMRI, ISMRMRD) is stored like this.
- `image_to_kspace` / `kspace_to_image`: the image's origin is sample 0. All resampling uses this pair, since
  only so sample 0 keeps its place for odd matrix sizes as well as even ones.

All functions take real or complex tensors of any rank of 2 or more, act on the last two axes (H, W), and run
batched, eagerly or inside a `tf.function`, on CPU and GPU.
"""

from __future__ import annotations

import tensorflow as tf

_HW = (-2, -1)

Shape2D = tuple[int, int]


def as_complex(tensor: tf.Tensor) -> tf.Tensor:
    """Return `tensor` as complex64 (complex128 for float64 input); a complex tensor is returned as it is."""
    tensor = tf.convert_to_tensor(tensor)
    if tensor.dtype.is_complex:
        return tensor
    if tensor.dtype != tf.float64:
        return tf.cast(tensor, tf.complex64)
    return tf.cast(tensor, tf.complex128)


def matrix_size(tensor: tf.Tensor) -> tuple[int | tf.Tensor, int | tf.Tensor]:
    """The last two sizes (H, W), as integers where they are known when a graph is built.

    Factors computed from integers are constants of the graph, so that what TensorFlow makes of them, and with
    it the last bit of a result, does not hang on whether the batch size was known.
    """
    height, width = tensor.shape[-2:]
    dynamic = tf.shape(tensor)
    return dynamic[-2] if height is None else height, dynamic[-1] if width is None else width


def _orthonormal_scale(tensor: tf.Tensor) -> tf.Tensor:
    height, width = matrix_size(tensor)
    return tf.cast(tf.sqrt(tf.cast(height * width, tensor.dtype.real_dtype)), tensor.dtype)


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
    """Centred k-space [..., H, W] to the complex image [..., H, W], its origin at sample 0, orthonormal."""
    return _ifft2(tf.signal.ifftshift(as_complex(kspace), axes=_HW))


def _fft2(image: tf.Tensor) -> tf.Tensor:
    return tf.signal.fft2d(image) / _orthonormal_scale(image)


def _ifft2(kspace: tf.Tensor) -> tf.Tensor:
    return tf.signal.ifft2d(kspace) * _orthonormal_scale(kspace)
