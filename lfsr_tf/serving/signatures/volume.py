"""`volume`: all slices of one scan, normalised together as `lfsr enhance` does it."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from lfsr_tf.physics.graph_noise import or_typical, volume_sigma
from lfsr_tf.physics.intensity import reference_intensity, safe_reference
from lfsr_tf.serving.signatures.graph import Enhance, checked
from lfsr_tf.serving.signatures.signature import Signature

# LR pixels that the network is given at once, as `EnhanceConfig.pixel_budget`: it bounds the memory.
PIXELS_AT_ONCE = 65_536

DESCRIPTION = (
    "volume: float32 [Z, H, W], the low-resolution magnitude slices of one scan in any unit, finite, not "
    "negative, Z from 1 on. sr: float32 [Z, s H, s W] in the same unit. The volume is normalised by its "
    "99.9th percentile, and its noise is measured in the background of all slices, as `lfsr enhance` does "
    f"it; slices are enhanced a few at a time ({PIXELS_AT_ONCE} pixels, one slice at least), whatever their "
    "number."
)


def build(enhance: Enhance) -> tf.types.experimental.ConcreteFunction:
    """Trace `volume` -> `sr`."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, None], tf.float32, name="volume")])
    def serve(volume: tf.Tensor) -> dict[str, tf.Tensor]:
        slices = checked(volume, "volume", (None, None, None))
        reference = safe_reference(reference_intensity(slices))
        level = or_typical(volume_sigma(slices) / reference)
        return {"sr": _in_parts(slices[..., None] / reference, level, enhance)[..., 0] * reference}

    return serve.get_concrete_function()


def _in_parts(slices: tf.Tensor, level: tf.Tensor, enhance: Enhance) -> tf.Tensor:
    """Enhance [Z, H, W, 1] a few slices at a time."""
    count = tf.shape(slices)[0]
    at_once = tf.maximum(1, PIXELS_AT_ONCE // tf.maximum(1, tf.reduce_prod(tf.shape(slices)[1:])))
    parts = -(-count // at_once)

    def one(part: tf.Tensor, done: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        given = slices[part * at_once : (part + 1) * at_once]
        return part + 1, done.write(part, enhance(given, tf.repeat(level, tf.shape(given)[0])))

    done = tf.TensorArray(tf.float32, parts, infer_shape=False, element_shape=[None, None, None, 1])
    _, done = tf.while_loop(lambda part, _: part < parts, one, (0, done), parallel_iterations=1)
    return done.concat()


SIGNATURE = Signature(
    build, DESCRIPTION, lambda images: {"volume": images}, lambda outputs: np.asarray(outputs["sr"])
)
