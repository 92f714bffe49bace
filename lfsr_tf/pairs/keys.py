"""Keys of random numbers: one 64-bit number a slice, from which every other number follows.

A key (`plan.slice_key`) depends on (seed, subject, scan, slice, copy) alone, so neither the number of workers
nor the order of the work changes a byte. `fold` derives keys for an epoch, for a pipeline's seed or for one
patch.
"""

from __future__ import annotations

import tensorflow as tf

# One number stream a purpose, so that a gain and a position are independent. Streams below 100 belong
# to the simulated acquisition.
GAIN_STREAM, POSITION_STREAM, SYMMETRY_STREAM = range(101, 104)
TRANSFER_STREAM, HR_NOISE_STREAM, IN_PHASE_STREAM = range(104, 107)

# Constants of splitmix64: G. L. Steele et al., "Fast splittable pseudorandom number generators", OOPSLA 2014.
_GAMMA, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def fold(keys: tf.Tensor, *salts: tf.Tensor | int) -> tf.Tensor:
    """Derive new keys by mixing numbers into them (splitmix64).

    Args:
        keys: int64, any shape.
        *salts: Epoch, seed, patch number...: integers that broadcast against `keys`.

    Returns:
        int64 keys, independent of the old ones for all practical purposes.
    """
    words = tf.bitcast(keys, tf.uint64)
    for salt in salts:
        words = _mixed(words + tf.bitcast(tf.cast(salt, tf.int64), tf.uint64) * _word(_GAMMA) + _word(_GAMMA))
    return tf.bitcast(words, tf.int64)


def seeds_of(keys: tf.Tensor) -> tf.Tensor:
    """The keys [...] as pairs of int32 [..., 2]: the seeds of the stateless generators."""
    return tf.bitcast(keys, tf.int32)


def _mixed(words: tf.Tensor) -> tf.Tensor:
    for shift, factor in ((30, _FIRST), (27, _SECOND)):
        words = tf.bitwise.bitwise_xor(words, tf.bitwise.right_shift(words, _word(shift))) * _word(factor)
    return tf.bitwise.bitwise_xor(words, tf.bitwise.right_shift(words, _word(31)))


def _word(value: int) -> tf.Tensor:
    return tf.constant(value, tf.uint64)
