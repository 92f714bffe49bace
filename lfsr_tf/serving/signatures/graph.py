"""What every signature does between its inputs and its outputs."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from lfsr_tf.physics.intensity import reference_intensity, safe_reference

Enhance = Callable[[tf.Tensor], tf.Tensor]
"""Normalised LR images [N, H, W, 1] to SR images [N, s H, s W, 1], both float32."""


def checked(images: tf.Tensor, name: str) -> tf.Tensor:
    """Refuse what is not a batch of single-channel images, and NaN and infinity, with INVALID_ARGUMENT.

    Args:
        images: float32, meant to be [N, H, W, 1].
        name: Of the input, for the message.
    """
    images = tf.ensure_shape(images, (None, None, None, 1))
    return tf.debugging.check_numerics(images, f"Expected finite values in {name}. Received: ")


def enhance_magnitude(magnitude: tf.Tensor, enhance: Enhance) -> tf.Tensor:
    """Normalise each image by its own reference intensity, enhance, and give back its unit.

    Args:
        magnitude: float32 [N, H, W, 1], any unit.
        enhance: The network.

    Returns:
        float32 [N, s H, s W, 1] in the unit of the input. An empty image stays as the network makes it from
        zeros.
    """
    reference = safe_reference(reference_intensity(magnitude, per_image=True))[:, None, None, None]
    return enhance(magnitude / reference) * reference
