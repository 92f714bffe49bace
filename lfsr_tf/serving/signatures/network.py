"""`network`: the network alone, for clients that normalise and measure the noise themselves.

`lfsr enhance --server` is one: so it does behind a server all that it does without one.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.physics.intensity import reference_intensity, safe_reference
from lfsr_tf.physics.noise import TYPICAL_NOISE_LEVEL
from lfsr_tf.serving.signatures.graph import IMAGES, Enhance, checked
from lfsr_tf.serving.signatures.signature import Arrays, Signature, only_channel

DESCRIPTION = (
    "image: float32 [N, H, W, 1], low-resolution images in units of their reference intensity, finite. "
    "noise_level: float32 [N], sigma of one channel of each image in the same unit; a network that takes "
    "none ignores it. sr: float32 [N, s H, s W, 1] in the same unit. Nothing is normalised."
)


def build(enhance: Enhance) -> tf.types.experimental.ConcreteFunction:
    """Trace `image`, `noise_level` -> `sr`."""
    inputs = [tf.TensorSpec(IMAGES, tf.float32, name="image")]
    inputs.append(tf.TensorSpec([None], tf.float32, name="noise_level"))

    @tf.function(input_signature=inputs, autograph=False)
    def serve(image: tf.Tensor, noise_level: tf.Tensor) -> dict[str, tf.Tensor]:
        images = checked(image, "image")
        levels = tf.ensure_shape(noise_level, [None])
        one_each = tf.debugging.Assert(
            tf.equal(tf.size(levels), tf.shape(images)[0]),
            ["Expected one noise_level an image. Received:", tf.size(levels), tf.shape(images)],
        )
        with tf.control_dependencies([one_each]):
            levels = tf.debugging.check_numerics(levels, "Expected finite values in noise_level. Received: ")
        return {"sr": enhance(images, levels)}

    return serve.get_concrete_function()


def _normalised(images: NDArray[np.float32]) -> Arrays:
    reference = float(safe_reference(reference_intensity(tf.constant(images))))
    levels = np.full(len(images), TYPICAL_NOISE_LEVEL, np.float32)
    return {"image": images[..., None] / np.float32(reference), "noise_level": levels}


SIGNATURE = Signature(build, DESCRIPTION, _normalised, only_channel)
