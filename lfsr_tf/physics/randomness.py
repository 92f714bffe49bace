"""Random numbers for a batch of images at once, each image keyed by its own seed.

`tf.random.stateless_*` takes one seed a call, so a batch of seeds means a loop over the images. Here one
vectorised counter-based generator draws for the whole batch: number n of an image is a hash of (n, seed,
stream), so it depends on the image's own seed alone, never on the batch, the order or the number of workers.

The hash is pcg4d (M. Jarzynski and M. Olano, "Hash Functions for GPU Rendering", Journal of Computer Graphics
Techniques 9(3), 2020): four 32-bit words in, four out. It is for simulation, not for cryptography.
"""

from __future__ import annotations

import math

import tensorflow as tf

# Every image starts at a multiple of the widest SIMD packet: the scalar code that finishes an incomplete one
# may round differently, and then an image's bytes would depend on where in the batch it stands.
PACKET = 16

Words = tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]


def uniform(seeds: tf.Tensor, count: int, stream: int) -> tf.Tensor:
    """Uniform numbers in [0, 1), float32 [B, count].

    Args:
        seeds: int32 [B, 2], one key an image.
        count: Numbers an image.
        stream: Numbers of different streams are independent; one stream serves one purpose.
    """
    numbers = tf.concat([_mantissa(word) for word in _hashed_counter(seeds, -(-count // 4), stream)], axis=1)
    return numbers[:, :count] - 1.0


def normal_channels(
    seeds: tf.Tensor, shape: tuple[int, ...], stream: int, sigma: tf.Tensor | float = 1.0
) -> tuple[tf.Tensor, tf.Tensor]:
    """White Gaussian noise for two channels, each float32 [B, *shape].

    By the Box-Muller transform of 23-bit uniform numbers: no number exceeds 5.65 standard deviations.

    Args:
        seeds: int32 [B, 2], one key an image.
        shape: Shape of one image.
        stream: Numbers of different streams are independent; one stream serves one purpose.
        sigma: Standard deviation of each channel: float32 [B], one an image, or a number for all.
    """
    count = math.prod(shape)
    first, second, third, fourth = _hashed_counter(seeds, -(-count // 2), stream)
    sigmas = tf.reshape(tf.convert_to_tensor(sigma, tf.float32), [-1, 1])
    pair = _box_muller(tf.concat([first, third], 1), tf.concat([second, fourth], 1), sigmas)
    real, imaginary = (tf.reshape(numbers[:, :count], [-1, *shape]) for numbers in pair)
    return real, imaginary


def complex_normal(
    seeds: tf.Tensor, shape: tuple[int, ...], stream: int, sigma: tf.Tensor | float = 1.0
) -> tf.Tensor:
    """White complex Gaussian noise, complex64 [B, *shape]: both channels of `normal_channels`."""
    return tf.complex(*normal_channels(seeds, shape, stream, sigma))


def _hashed_counter(seeds: tf.Tensor, count: int, stream: int) -> Words:
    """Four uint32 words [B, n] for each counter value, n being `count` rounded up to whole packets."""
    padded = -(-count // PACKET) * PACKET
    counter = tf.cast(tf.range(padded), tf.uint32)[None, :]
    keys = tf.bitcast(tf.cast(seeds, tf.int32), tf.uint32)
    return _pcg4d((counter, keys[:, :1], keys[:, 1:2], tf.constant([[stream]], tf.uint32)))


def _pcg4d(words: Words) -> Words:
    multiplier, increment = tf.constant(1664525, tf.uint32), tf.constant(1013904223, tf.uint32)
    x, y, z, w = (word * multiplier + increment for word in words)
    x, y, z, w = (_fold(word) for word in _entangle((x, y, z, w)))
    return _entangle((x, y, z, w))


def _entangle(words: Words) -> Words:
    x, y, z, w = words
    x = x + y * w
    y = y + z * x
    z = z + x * y
    return x, y, z, w + y * z


def _fold(word: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(word, tf.bitwise.right_shift(word, tf.constant(16, tf.uint32)))


def _mantissa(word: tf.Tensor) -> tf.Tensor:
    """The upper 23 bits as the mantissa of a float32 in [1, 2): cheaper than a conversion, and exact."""
    one = tf.constant(0x3F800000, tf.uint32)
    bits = tf.bitwise.bitwise_or(tf.bitwise.right_shift(word, tf.constant(9, tf.uint32)), one)
    return tf.bitcast(bits, tf.float32)


def _box_muller(first: tf.Tensor, second: tf.Tensor, sigmas: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    # 2 - mantissa lies in (0, 1], so the logarithm is finite.
    radius = tf.sqrt(-2.0 * tf.square(sigmas) * tf.math.log(2.0 - _mantissa(first)))
    # Where the circle begins does not matter, nor how the last of 32 bits is rounded.
    angle = tf.cast(tf.bitcast(second, tf.int32), tf.float32) * (math.pi / 2.0**31)
    return radius * tf.cos(angle), radius * tf.sin(angle)
