"""Cutting LR/HR patches at the same place of a pair, where there is enough head in them.

Positions count LR samples. LR sample i lies at HR sample scale * i, so the HR patch starts at scale times the
position of the LR patch and covers the same tissue.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.keys import POSITION_STREAM, seeds_of
from lfsr_tf.physics.randomness import uniform


def usable_positions(hr: tf.Tensor, config: PairsConfig) -> tf.Tensor:
    """Where a patch may be cut: where its HR part shows enough head.

    Args:
        hr: float32 [B, S, S], normalised HR slices.
        config: Patch size, scale and thresholds.

    Returns:
        bool [B, P, P], P = S / scale - lr_patch + 1 positions along each axis.
    """
    head = tf.cast(hr > config.head_threshold, tf.float32)
    windows = tf.constant(_windows(hr.shape[-1], config))
    # Sums over windows as two products of matrices: exact in float32, since all counts are far below 2^24.
    count = tf.matmul(windows, tf.tensordot(head, windows, [[2], [1]]))
    return count >= max(config.min_patch_head * config.hr_patch**2, 1.0)


def _windows(size: int, config: PairsConfig) -> NDArray[np.float32]:
    """Which of `size` samples belong to the HR patch at each position: 0 or 1, float32 [P, size]."""
    first = config.scale * np.arange(size // config.scale - config.lr_patch + 1)[:, None]
    samples = np.arange(size)
    return ((first <= samples) & (samples < first + config.hr_patch)).astype(np.float32)


def draw_positions(usable: tf.Tensor, keys: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
    """Draw different usable positions at random for each slice.

    The first k of n drawn positions are the same for every n >= k. A slice with fewer usable positions than
    `count` repeats them in the same random order.

    Args:
        usable: bool [B, P, P], at least one usable position in each slice.
        keys: int64 [B].
        count: Positions a slice.

    Returns:
        int32 [B, count, 2]: row and column in LR samples.
    """
    side = usable.shape[-1]
    flat = tf.reshape(usable, [-1, side * side])
    order = tf.where(flat, uniform(seeds_of(keys), side * side, POSITION_STREAM), -1.0)
    ranked = tf.math.top_k(order, tf.minimum(count, side * side)).indices
    available = tf.maximum(tf.reduce_sum(tf.cast(flat, tf.int32), axis=1, keepdims=True), 1)
    chosen = tf.gather(ranked, tf.range(count)[None, :] % available, batch_dims=1)
    return tf.stack([chosen // side, chosen % side], axis=-1)


def cut_patches(images: tf.Tensor, corners: tf.Tensor, side: int) -> tf.Tensor:
    """Cut square patches.

    Args:
        images: [B, H, W], any dtype.
        corners: int32 [B, n, 2], row and column of each patch's first sample.
        side: Side of a patch in samples.

    Returns:
        [B, n, side, side].
    """
    height, width = images.shape[1:]
    images_before = tf.range(tf.shape(images)[0])[:, None] * (height * width)
    starts = images_before + corners[..., 0] * width + corners[..., 1]
    # Rows are contiguous, so one index fetches a whole row of the patch.
    rows = starts[..., None] + tf.range(side) * width
    return tf.gather(tf.reshape(images, [-1]), rows[..., None] + tf.range(side))
