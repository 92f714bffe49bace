"""`volume`: all slices of one scan, normalised together as `lfsr enhance` does it."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from lfsr_tf.physics.graph_noise import or_typical, volume_sigma
from lfsr_tf.physics.intensity import reference_intensity, safe_reference
from lfsr_tf.serving.signatures.graph import MOST_IMAGES, PIXELS_AT_ONCE, Enhance, checked
from lfsr_tf.serving.signatures.signature import Signature

DESCRIPTION = (
    "volume: float32 [Z, H, W], the low-resolution magnitude slices of one scan in any unit, finite, not "
    f"negative, Z from 1 to {MOST_IMAGES}. sr: float32 [Z, s H, s W] in the same unit. The volume is "
    "normalised by its 99.9th percentile, and its noise is measured in the background of all slices, as "
    f"`lfsr enhance` does it; slices are enhanced a few at a time ({PIXELS_AT_ONCE} pixels, one slice at "
    "least)."
)


def build(enhance: Enhance) -> tf.types.experimental.ConcreteFunction:
    """Trace `volume` -> `sr`."""

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, None], tf.float32, name="volume")], autograph=False
    )
    def serve(volume: tf.Tensor) -> dict[str, tf.Tensor]:
        slices = checked(volume, "volume", (None, None, None))
        reference = safe_reference(reference_intensity(slices))
        level = or_typical(volume_sigma(slices) / reference)
        levels = tf.repeat(level, tf.shape(slices)[0])
        return {"sr": enhance(slices[..., None] / reference, levels)[..., 0] * reference}

    return serve.get_concrete_function()


SIGNATURE = Signature(
    build, DESCRIPTION, lambda images: {"volume": images}, lambda outputs: np.asarray(outputs["sr"])
)
