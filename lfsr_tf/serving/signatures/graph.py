"""What every signature does between its inputs and its outputs."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from lfsr_tf.networks.footprint import PIXELS_AT_ONCE
from lfsr_tf.physics.graph_noise import image_sigmas, or_typical
from lfsr_tf.physics.intensity import reference_intensity, safe_reference

Enhance = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""Normalised LR images [N, H, W, 1] and their noise levels [N] to SR images [N, s H, s W, 1], all float32."""

IMAGES = (None, None, None, 1)
"""Shape of a batch of single-channel images."""

# `PIXELS_AT_ONCE` bounds the memory of a batch. A single image is not cut, so that its size is bounded, too;
# `lfsr enhance` sends tiles.
MOST_PIXELS = 262_144
# Images of one request: 64 MiB of the smallest that are counted as they are. A run of the network has its
# price, and so a megabyte of single pixels would take minutes.
MOST_IMAGES = 4_096
LEAST_SIDE = 64
# In a batch: what the coarsest grid of a network makes of fewer pixels.
_LEAST_SIDE_TOGETHER = 16


def checked(values: tf.Tensor, name: str, shape: tuple[int | None, ...] = IMAGES) -> tf.Tensor:
    """Refuse what is no batch of images, with INVALID_ARGUMENT.

    That is another rank or number of channels, nothing at all, more than `MOST_IMAGES` images, one of more
    than `MOST_PIXELS` pixels as `counted_pixels` counts them, NaN and infinity.

    Args:
        values: float32, complex64 or string, meant to be of `shape`.
        name: Of the input, for the message.
        shape: None where any size will do.
    """
    values = tf.ensure_shape(values, shape)
    something = tf.debugging.Assert(
        tf.size(values) > 0, [f"Expected something in {name}. Received: nothing."]
    )
    count = tf.shape(values)[0]
    message = f"Expected at most {MOST_IMAGES} images in {name}. Received:"
    few = tf.debugging.Assert(count <= MOST_IMAGES, [message, count])
    with tf.control_dependencies([something, few]):
        values = tf.identity(values)
    if values.dtype == tf.string:
        return values
    with tf.control_dependencies([small_enough(tf.shape(values, tf.int64)[1:3], name)]):
        values = tf.identity(values)
    message = f"Expected finite values in {name}. Received: "
    if not values.dtype.is_complex:
        return tf.debugging.check_numerics(values, message)
    real, imaginary = tf.math.real(values), tf.math.imag(values)
    return tf.complex(
        tf.debugging.check_numerics(real, message), tf.debugging.check_numerics(imaginary, message)
    )


def counted_pixels(sides: tf.Tensor, least_side: int = LEAST_SIDE) -> tf.Tensor:
    """Pixels of images as their limits count them: at least so many along each axis.

    Thin images take more memory for a pixel, since networks pad to their coarsest grid, and small ones more
    time.

    Args:
        sides: int64 [..., 2], from 0 on.
        least_side: What a shorter side counts as.

    Returns:
        int64 [...], above `MOST_PIXELS` wherever a side is.
    """
    # Cut, since products of what the header of a file may claim overflow.
    return tf.reduce_prod(tf.clip_by_value(sides, least_side, MOST_PIXELS + 1), axis=-1)


def small_enough(sides: tf.Tensor, name: str) -> tf.Operation:
    """Refuse an image that would need more memory than a server should give one request.

    Args:
        sides: int64 [2], rows and columns of one image.
        name: Of the input, for the message.

    Returns:
        What must have run before the image is touched.
    """
    message = (
        f"Expected images of at most {MOST_PIXELS} pixels in {name}, each side counted as {LEAST_SIDE} at "
        "least. Received:"
    )
    return tf.debugging.Assert(counted_pixels(sides) <= MOST_PIXELS, [message, *tf.unstack(sides)])


def in_parts(
    run: Callable[..., tf.Tensor], shape: tuple[int | None, ...] = IMAGES
) -> Callable[..., tf.Tensor]:
    """The same function of images, given a few at a time: `PIXELS_AT_ONCE` counted pixels or one image.

    Args:
        run: From images [N, H, W, ..] and whatever else has N along its first axis to float32 of `shape`.
        shape: Of its results; they are joined along the first axis.
    """

    def run_parts(images: tf.Tensor, *others: tf.Tensor) -> tf.Tensor:
        count = tf.shape(images)[0]
        counted = counted_pixels(tf.shape(images, tf.int64)[1:3], _LEAST_SIDE_TOGETHER)
        at_once = tf.maximum(1, tf.cast(PIXELS_AT_ONCE // counted, tf.int32))
        parts = -(-count // at_once)

        def one(part: tf.Tensor, done: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            chosen = slice(part * at_once, (part + 1) * at_once)
            return part + 1, done.write(part, run(images[chosen], *(each[chosen] for each in others)))

        done = tf.TensorArray(tf.float32, parts, infer_shape=False, element_shape=shape)
        _, done = tf.while_loop(lambda part, _: part < parts, one, (0, done), parallel_iterations=1)
        return done.concat()

    return run_parts


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
