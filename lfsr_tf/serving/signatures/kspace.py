"""`kspace` and `kspace_complex`: single-coil k-space as it is measured.

`kspace` takes it in two real tensors, since JSON has no complex numbers. As in `lfsr enhance` the part in
phase with the low frequencies is enhanced, not the magnitude, and from all sample positions.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.physics.fourier import fft2c, ifft2c
from lfsr_tf.physics.graph_noise import complex_sigmas, or_typical
from lfsr_tf.physics.intensity import reference_intensity, safe_reference
from lfsr_tf.physics.phase import in_phase_image
from lfsr_tf.physics.views import mean_over_views
from lfsr_tf.serving.signatures.graph import IMAGES, Enhance, checked, in_parts
from lfsr_tf.serving.signatures.signature import Arrays, Signature, only_channel

_SAMPLES = (
    "[N, H, W, 1], low-resolution single-coil k-space, fully sampled, its centre at (H // 2, W // 2), in any "
    "unit, finite. sr: float32 [N, s H, s W, 1], what is in phase with the low frequencies, in the unit of "
    "the centred orthonormal inverse Fourier transform of the input. Each image is normalised by its own "
    "99.9th percentile."
)


def build(enhance: Enhance) -> tf.types.experimental.ConcreteFunction:
    """Trace `real`, `imaginary` -> `sr`."""
    inputs = [tf.TensorSpec(IMAGES, tf.float32, name=name) for name in ("real", "imaginary")]

    @tf.function(input_signature=inputs, autograph=False)
    def serve(real: tf.Tensor, imaginary: tf.Tensor) -> dict[str, tf.Tensor]:
        parts = checked(real, "real"), checked(imaginary, "imaginary")
        with tf.control_dependencies([_of_one_shape(*parts)]):
            return _enhanced(tf.complex(*parts), enhance)

    return serve.get_concrete_function()


def build_complex(enhance: Enhance) -> tf.types.experimental.ConcreteFunction:
    """Trace `kspace` -> `sr`."""

    @tf.function(input_signature=[tf.TensorSpec(IMAGES, tf.complex64, name="kspace")], autograph=False)
    def serve(kspace: tf.Tensor) -> dict[str, tf.Tensor]:
        return _enhanced(checked(kspace, "kspace"), enhance)

    return serve.get_concrete_function()


def _of_one_shape(real: tf.Tensor, imaginary: tf.Tensor) -> tf.Operation:
    """Refuse parts that `tf.complex` would broadcast: to samples that nobody measured, and to gigabytes."""
    shapes = tf.shape(real), tf.shape(imaginary)
    message = "Expected real and imaginary of one shape. Received:"
    return tf.debugging.Assert(tf.reduce_all(tf.equal(*shapes)), [message, *shapes], summarize=4)


def _enhanced(kspace: tf.Tensor, enhance: Enhance) -> dict[str, tf.Tensor]:
    image = ifft2c(kspace[..., 0])
    reference = safe_reference(reference_intensity(in_phase_image(image[:, None]), per_image=True))
    unit = reference[:, None, None]
    levels = or_typical(in_parts(complex_sigmas, (None,))(image) / reference)

    def enhanced(view: tf.Tensor) -> tf.Tensor:
        return enhance((in_phase_image(view[:, None]) / unit)[..., None], levels)[..., 0]

    return {"sr": (mean_over_views(image, enhanced) * unit)[..., None]}


def _transformed(images: NDArray[np.float32]) -> NDArray[np.complex64]:
    return np.asarray(fft2c(tf.constant(images))[..., None])


def _two_parts(images: NDArray[np.float32]) -> Arrays:
    kspace = _transformed(images)
    return {"real": np.ascontiguousarray(kspace.real), "imaginary": np.ascontiguousarray(kspace.imag)}


SIGNATURE = Signature(build, f"real, imaginary: float32 {_SAMPLES}", _two_parts, only_channel)
COMPLEX_SIGNATURE = Signature(
    build_complex,
    f"kspace: complex64 {_SAMPLES} Over gRPC alone: JSON has no complex numbers.",
    lambda images: {"kspace": _transformed(images)},
    only_channel,
)
