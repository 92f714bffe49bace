"""`serving_default`: magnitude images."""

from __future__ import annotations

import tensorflow as tf

from lfsr_tf.serving.signatures.graph import IMAGES, Enhance, checked, enhance_each
from lfsr_tf.serving.signatures.signature import Signature, only_channel

DESCRIPTION = (
    "image: float32 [N, H, W, 1], low-resolution magnitude images in any unit, finite, not negative. "
    "sr: float32 [N, s H, s W, 1] in the same unit. Each image is normalised by its own 99.9th percentile."
)


def build(enhance: Enhance) -> tf.types.experimental.ConcreteFunction:
    """Trace `image` -> `sr`."""

    @tf.function(input_signature=[tf.TensorSpec(IMAGES, tf.float32, name="image")], autograph=False)
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sr": enhance_each(checked(image, "image"), enhance)}

    return serve.get_concrete_function()


SIGNATURE = Signature(build, DESCRIPTION, lambda images: {"image": images[..., None]}, only_channel)
