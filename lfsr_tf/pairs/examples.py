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

_PATCH_ORDER = 2


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
    return pairs_of(tf.ensure_shape(values["hr"], [None, hr_size, hr_size]), keys, config, options)


def pairs_of(hr: tf.Tensor, keys: tf.Tensor, config: PairsConfig, options: PipelineConfig) -> Batch:
    """All patches of slices as a low-field scanner would see them; with `lr_patch` 0 the slices themselves.

    Takes what `acquired` takes; the pairs of one slice stand next to each other.
    """
    slices = acquired(hr, keys, config, options)
    return cut_pairs(slices, all_patches(keys, config), config) if config.lr_patch else slices


def acquired(hr: tf.Tensor, keys: tf.Tensor, config: PairsConfig, options: PipelineConfig) -> Batch:
    """Whole slices as a low-field scanner would see them.

    Args:
        hr: float32 [B, S, S], S known, in units of the reference intensity.
        keys: int64 [B], folded with seed and epoch.
        config: Settings.
        options: What is done to the slices at random.
    """
    hr = augmented(hr, keys, options)
    lr, sigma = degrade(hr, keys, config, options.in_phase)
    return {"lr": lr, "hr": hr, "sigma": sigma, "key": keys}


def cut_pairs(slices: Batch, patches: tf.Tensor, config: PairsConfig) -> Batch:
    """Cut patches by their numbers: a patch is the same whichever others are cut.

    Args:
        slices: B slices, from `acquired`.
        patches: int32 [B, n], numbers below `patches_per_slice`.
        config: Settings.

    Returns:
        B * n pairs, those of one slice next to each other.
    """
    keys, scale = slices["key"], config.scale
    drawn = draw_positions(usable_positions(slices["hr"], config), keys, config.patches_per_slice)
    corners = tf.gather(drawn, patches, batch_dims=1)
    return {
        "lr": _merge(cut_patches(slices["lr"], corners, config.lr_patch)),
        "hr": _merge(cut_patches(slices["hr"], corners * scale, config.hr_patch)),
        "sigma": tf.repeat(slices["sigma"], patches.shape[1] or tf.shape(patches)[1]),
        "key": tf.reshape(patch_keys(keys[:, None], patches), [-1]),
    }


def all_patches(keys: tf.Tensor, config: PairsConfig) -> tf.Tensor:
    """The numbers of all patches of each slice, int32 [B, patches_per_slice], for slices with keys [B]."""
    return tf.tile(tf.range(config.patches_per_slice)[None, :], [tf.shape(keys)[0], 1])


def patch_keys(keys: tf.Tensor, patches: tf.Tensor) -> tf.Tensor:
    """Keys of patches: int64 of slices, with the numbers of the patches mixed in."""
    return fold(keys, patches)


def mixed(batch: Batch) -> Batch:
    """The same pairs in random order, which the keys of the pairs decide."""
    order = tf.argsort(fold(batch["key"], _PATCH_ORDER))
    return {name: tf.gather(values, order) for name, values in batch.items()}


def _merge(patches: tf.Tensor) -> tf.Tensor:
    return tf.reshape(patches, [-1, *patches.shape[2:]])
