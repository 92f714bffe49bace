"""`serving_default`: magnitude images."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from lfsr_tf.physics.graph_noise import image_sigmas
from lfsr_tf.serving.signatures.graph import IMAGES, Enhance, checked, enhance_each, in_parts
from lfsr_tf.serving.signatures.signature import Signature, only_channel

DESCRIPTION = (
    "image: float32 [N, H, W, 1], low-resolution magnitude images in any unit, finite, not negative. "
    "sr: float32 [N, s H, s W, 1] in the same unit. Each image is normalised by its own 99.9th percentile."
)


_SIGMAS = in_parts(image_sigmas, (None,))


def build(
    enhance: Enhance, sigmas: Callable[[tf.Tensor], tf.Tensor] = _SIGMAS
) -> tf.types.experimental.ConcreteFunction:
    """Trace `image` -> `sr`.

    Args:
        enhance: The network.
        sigmas: The noise [N] of images float32 [N, H, W]; a few at a time: 200 MB for one of 512 x 512.
    """

    @tf.function(input_signature=[tf.TensorSpec(IMAGES, tf.float32, name="image")], autograph=False)
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        images = checked(image, "image")
        return {"sr": enhance_each(images, enhance, sigmas(images[..., 0]))}

    return serve.get_concrete_function()


SIGNATURE = Signature(build, DESCRIPTION, lambda images: {"image": images[..., None]}, only_channel)
