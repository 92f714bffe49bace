"""What every signature does between its inputs and its outputs."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from lfsr_tf.physics.graph_noise import image_sigmas, or_typical
from lfsr_tf.physics.intensity import reference_intensity, safe_reference

Enhance = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""Normalised LR images [N, H, W, 1] and their noise levels [N] to SR images [N, s H, s W, 1], all float32."""

IMAGES = (None, None, None, 1)
"""Shape of a batch of single-channel images."""


def checked(values: tf.Tensor, name: str, shape: tuple[int | None, ...] = IMAGES) -> tf.Tensor:
    """Refuse another rank or number of channels, nothing at all, NaN and infinity, with INVALID_ARGUMENT.

    Args:
        values: float32, complex64 or string, meant to be of `shape`.
        name: Of the input, for the message.
        shape: None where any size will do.
    """
    values = tf.ensure_shape(values, shape)
    something = tf.debugging.Assert(
        tf.size(values) > 0, [f"Expected something in {name}. Received: nothing."]
    )
    with tf.control_dependencies([something]):
        values = tf.identity(values)
    message = f"Expected finite values in {name}. Received: "
    if values.dtype == tf.string:
        return values
    if not values.dtype.is_complex:
        return tf.debugging.check_numerics(values, message)
    real, imaginary = tf.math.real(values), tf.math.imag(values)
    return tf.complex(
        tf.debugging.check_numerics(real, message), tf.debugging.check_numerics(imaginary, message)
    )


def enhance_each(images: tf.Tensor, enhance: Enhance, sigma: tf.Tensor | None = None) -> tf.Tensor:
    """Normalise each image by its own reference intensity, enhance, and give back its unit.

    Args:
        images: float32 [N, H, W, 1], any unit, not negative.
        enhance: The network.
        sigma: float32 [N], noise of one channel in the same unit, NaN where it is not known; None to measure
            it in the background of the images, as magnitudes have it.

    Returns:
        float32 [N, s H, s W, 1] in the unit of the input. An empty image stays as the network makes it from
        zeros.
    """
    reference = safe_reference(reference_intensity(images, per_image=True))
    unit = reference[:, None, None, None]
    noise = image_sigmas(images[..., 0]) if sigma is None else sigma
    return enhance(images / unit, or_typical(noise / reference)) * unit
