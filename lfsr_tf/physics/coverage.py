"""Which samples of k-space were measured, and what filters leave of the noise in them.

Elliptical coverage, partial Fourier and zero filling leave parts of k-space empty, usually at its rim. The
noise of a pixel is then less than that of a sample, and a high-pass finds less still. What a filter left,
divided by the filter's gain over the samples that are not empty, is the noise of a pixel of the image as it
is, which is what a network sees.
"""

from __future__ import annotations

import math

import tensorflow as tf

from lfsr_tf.physics.background import ROUNDING
from lfsr_tf.physics.channels import channels_of, power_of
from lfsr_tf.physics.fourier import image_to_kspace, matrix_size


def measured_samples(power: tf.Tensor) -> tf.Tensor:
    """Where the power [N, H, W] of k-space is more than what rounding leaves of empty samples.

    Each image may have other empty samples.

    Returns:
        float32 [N, H, W], 1 where a sample was measured and 0 elsewhere.
    """
    mean = tf.reduce_mean(power, axis=(1, 2), keepdims=True)
    return tf.cast(power > ROUNDING**2 * mean, tf.float32)


def diagonal_gain(image: tf.Tensor, *, per_image: bool = False) -> tf.Tensor:
    """What the finest diagonal Haar coefficient leaves of the noise of a pixel: 1 where no sample is empty.

    Args:
        image: Complex [N, H, W].
        per_image: One gain for each image instead of one for all.

    Returns:
        float32 [], or [N] with `per_image`; 0 where no sample was measured that it lets pass.
    """
    measured = measured_samples(power_of(channels_of(image_to_kspace(image))))
    rows, columns = (_difference_power(size) for size in matrix_size(image))
    passed = measured * (rows[:, None] * columns[None, :] / 4.0)
    axes = (1, 2) if per_image else None
    return tf.sqrt(tf.math.divide_no_nan(tf.reduce_sum(passed, axes), tf.reduce_sum(measured, axes)))


def _difference_power(size: int | tf.Tensor) -> tf.Tensor:
    """Of the difference of neighbours, float32 [size] from one rim of k-space to the other."""
    samples = tf.cast(tf.range(size) - size // 2, tf.float32) / tf.cast(size, tf.float32)
    return 2.0 - 2.0 * tf.cos(2.0 * math.pi * samples)
