"""`kspace`: single-coil k-space as it is measured, in two real tensors, since JSON has no complex numbers."""

from __future__ import annotations

import tensorflow as tf

from lfsr_tf.physics.fourier import ifft2c
from lfsr_tf.serving.signatures.graph import Enhance, checked, enhance_magnitude

DESCRIPTION = (
    "real, imaginary: float32 [N, H, W, 1], low-resolution single-coil k-space, fully sampled, its centre at "
    "(H // 2, W // 2), in any unit, finite. sr: float32 [N, s H, s W, 1], magnitude, in the unit of "
    "the centred "
    "orthonormal inverse Fourier transform of the input. Each image is normalised by its own 99.9th "
    "percentile."
)


def build(enhance: Enhance) -> tf.types.experimental.ConcreteFunction:
    """Trace `real`, `imaginary` -> `sr`."""
    inputs = [tf.TensorSpec([None, None, None, 1], tf.float32, name=name) for name in ("real", "imaginary")]

    @tf.function(input_signature=inputs)
    def serve(real: tf.Tensor, imaginary: tf.Tensor) -> dict[str, tf.Tensor]:
        samples = tf.complex(checked(real, "real"), checked(imaginary, "imaginary"))[..., 0]
        magnitude = tf.abs(ifft2c(samples))[..., tf.newaxis]
        return {"sr": enhance_magnitude(magnitude, enhance)}

    return serve.get_concrete_function()
