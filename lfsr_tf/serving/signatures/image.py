"""`serving_default`: magnitude images."""

from __future__ import annotations

import tensorflow as tf

from lfsr_tf.serving.signatures.graph import Enhance, checked, enhance_magnitude

DESCRIPTION = (
    "image: float32 [N, H, W, 1], low-resolution magnitude images in any unit, finite, not negative. "
    "sr: float32 [N, s H, s W, 1] in the same unit. Each image is normalised by its own 99.9th percentile."
)


def build(enhance: Enhance) -> tf.types.experimental.ConcreteFunction:
    """Trace `image` -> `sr`."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1], tf.float32, name="image")])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sr": enhance_magnitude(checked(image, "image"), enhance)}

    return serve.get_concrete_function()
