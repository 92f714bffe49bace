"""From serialised records to batches of LR/HR images: what the pipelines do in their `map`."""

from __future__ import annotations

import tensorflow as tf

from lfsr_tf.pairs.augmentation import Batch, augmented
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.degrade import degrade
from lfsr_tf.pairs.keys import fold
from lfsr_tf.pairs.options import PipelineConfig
from lfsr_tf.pairs.patches import cut_patches, draw_positions, usable_positions
from lfsr_tf.pairs.records import parse_batch


def decode_pairs(serialised: tf.Tensor, hr_size: int, config: PairsConfig) -> Batch:
    """Fixed pairs as they were recorded.

    Args:
        serialised: string [B], records of mode "pairs".
        hr_size: Side of the slices, of which the patches are cut.
        config: Settings of the records.
    """
    values = parse_batch(serialised, "pairs")
    side = config.hr_patch or hr_size
    values["hr"] = tf.ensure_shape(values["hr"], [None, side, side])
    values["lr"] = tf.ensure_shape(values["lr"], [None, side // config.scale, side // config.scale])
    return {name: values[name] for name in ("lr", "hr", "sigma", "key")}


def draw_pairs(
    serialised: tf.Tensor,
    salts: tuple[tf.Tensor | int, ...],
    hr_size: int,
    config: PairsConfig,
    options: PipelineConfig,
) -> Batch:
    """New noise and new patches for recorded HR slices.

    The noise is drawn for a whole slice, before patches are cut from it.

    Args:
        serialised: string [B], records of mode "slices".
        salts: Seed and epoch: other ones give other noise and patches.
        hr_size: Side of the slices.
        config: Settings; `patches_per_slice` patches of `lr_patch` samples are cut.
        options: What is done to the slices at random.

    Returns:
        B * patches_per_slice pairs, those of one slice next to each other.
    """
    values = parse_batch(serialised, "slices")
    keys = fold(values["key"], *salts)
    hr = augmented(tf.ensure_shape(values["hr"], [None, hr_size, hr_size]), keys, options)
    lr, sigma = degrade(hr, keys, config, options.in_phase)
    if not config.lr_patch:
        return {"lr": lr, "hr": hr, "sigma": sigma, "key": keys}
    count = config.patches_per_slice
    corners = draw_positions(usable_positions(hr, config), keys, count)
    return {
        "lr": _merge(cut_patches(lr, corners, config.lr_patch)),
        "hr": _merge(cut_patches(hr, corners * config.scale, config.hr_patch)),
        "sigma": tf.repeat(sigma, count),
        "key": tf.reshape(fold(keys[:, None], tf.range(count, dtype=tf.int64)[None, :]), [-1]),
    }


def _merge(patches: tf.Tensor) -> tf.Tensor:
    return tf.reshape(patches, [-1, *patches.shape[2:]])
