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

# LR pixels that the network is given at once, as `EnhanceConfig.pixel_budget`: it bounds the memory of a
# batch. A single image is not cut, so that its size is bounded, too; `lfsr enhance` sends tiles.
PIXELS_AT_ONCE = 65_536
MOST_PIXELS = 262_144


def checked(values: tf.Tensor, name: str, shape: tuple[int | None, ...] = IMAGES) -> tf.Tensor:
    """Refuse what is no batch of images, with INVALID_ARGUMENT.

    That is another rank or number of channels, nothing at all, an image of more than `MOST_PIXELS` pixels,
    NaN and infinity.

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
    if values.dtype == tf.string:
        return values
    rows, columns = tf.unstack(tf.shape(values, tf.int64)[1:3])
    with tf.control_dependencies([small_enough(rows, columns, name)]):
        values = tf.identity(values)
    message = f"Expected finite values in {name}. Received: "
    if not values.dtype.is_complex:
        return tf.debugging.check_numerics(values, message)
    real, imaginary = tf.math.real(values), tf.math.imag(values)
    return tf.complex(
        tf.debugging.check_numerics(real, message), tf.debugging.check_numerics(imaginary, message)
    )


def small_enough(rows: tf.Tensor, columns: tf.Tensor, name: str) -> tf.Operation:
    """Refuse an image that would need more memory than a server should give one request.

    Args:
        rows: int64, of one image.
        columns: int64.
        name: Of the input, for the message.

    Returns:
        What must have run before the image is touched.
    """
    # Dividing instead of multiplying: sizes that a file claims may overflow.
    fits = tf.logical_or(tf.equal(columns, 0), rows <= MOST_PIXELS // tf.maximum(columns, 1))
    message = f"Expected images of at most {MOST_PIXELS} pixels in {name}. Received:"
    return tf.debugging.Assert(fits, [message, rows, columns])


def in_parts(enhance: Enhance) -> Enhance:
    """The same network, given a few images at a time: `PIXELS_AT_ONCE` pixels or one image."""

    def enhance_parts(images: tf.Tensor, levels: tf.Tensor) -> tf.Tensor:
        count = tf.shape(images)[0]
        at_once = tf.maximum(1, PIXELS_AT_ONCE // tf.maximum(1, tf.reduce_prod(tf.shape(images)[1:])))
        parts = -(-count // at_once)

        def one(part: tf.Tensor, done: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            chosen = slice(part * at_once, (part + 1) * at_once)
            return part + 1, done.write(part, enhance(images[chosen], levels[chosen]))

        done = tf.TensorArray(tf.float32, parts, infer_shape=False, element_shape=[None, None, None, 1])
        _, done = tf.while_loop(lambda part, _: part < parts, one, (0, done), parallel_iterations=1)
        return done.concat()

    return enhance_parts


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
