"""The noise of images inside a graph, which can ask no one: numbers alone, NaN where nothing can be measured.

The same measurements as in `noise`, batched: what a served model tells its network.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

from lfsr_tf.physics.background import BLOCK, background_noise
from lfsr_tf.physics.noise import TYPICAL_NOISE_LEVEL, high_pass_sigma


def image_sigmas(images: tf.Tensor) -> tf.Tensor:
    """Sigma of one channel of each magnitude image.

    Args:
        images: float32 [N, H, W]; also N = 0.

    Returns:
        float32 [N] in the unit of the images.
    """
    return _if_large_enough(images, lambda: background_noise(images, per_image=True).sigma)


def volume_sigma(slices: tf.Tensor) -> tf.Tensor:
    """Sigma of one channel of magnitude slices taken together: float32 [N, H, W] to float32 [1]."""
    return _if_large_enough(slices, lambda: background_noise(slices).sigma, 1)


def complex_sigmas(images: tf.Tensor) -> tf.Tensor:
    """Sigma of each complex image: from its background, or from its finest detail where it has none.

    Args:
        images: complex64 [N, H, W]; also N = 0.

    Returns:
        float32 [N] in the unit of the images.
    """

    def measured() -> tf.Tensor:
        background = background_noise(tf.abs(images), per_image=True).sigma
        finest = high_pass_sigma(images, per_image=True)
        return tf.where(tf.math.is_finite(background), background, tf.where(finest > 0.0, finest, math.nan))

    return _if_large_enough(images, measured)


def or_typical(levels: tf.Tensor) -> tf.Tensor:
    """Relative noise levels, `TYPICAL_NOISE_LEVEL` in place of NaN."""
    return tf.where(tf.math.is_finite(levels), levels, TYPICAL_NOISE_LEVEL)


def _if_large_enough(
    images: tf.Tensor, measured: Callable[[], tf.Tensor], count: tf.Tensor | int | None = None
) -> tf.Tensor:
    unknown = tf.fill([tf.shape(images)[0] if count is None else count], math.nan)
    return tf.cond(tf.reduce_min(tf.shape(images)[1:]) >= BLOCK, measured, lambda: unknown)
