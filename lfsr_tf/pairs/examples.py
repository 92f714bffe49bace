"""From serialised records to batches of LR/HR images: what the pipelines do in their `map`."""

from __future__ import annotations

import tensorflow as tf

from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.degrade import degrade
from lfsr_tf.pairs.keys import GAIN_STREAM, SYMMETRY_STREAM, fold, seeds_of
from lfsr_tf.pairs.patches import cut_patches, draw_positions, usable_positions
from lfsr_tf.pairs.records import parse_batch
from lfsr_tf.physics.randomness import uniform

# "lr" float32 [B, h, w], "hr" float32 [B, s h, s w], "sigma" float32 [B] and the random "key" int64 [B].
Batch = dict[str, tf.Tensor]


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
    symmetries: tuple[bool, bool],
) -> Batch:
    """New noise and new patches for recorded HR slices.

    The noise is drawn for a whole slice, before patches are cut from it.

    Args:
        serialised: string [B], records of mode "slices".
        salts: Seed and epoch: other ones give other noise and patches.
        hr_size: Side of the slices.
        config: Settings; `patches_per_slice` patches of `lr_patch` samples are cut.
        symmetries: Whether to mirror, and whether to turn, slices at random.

    Returns:
        B * patches_per_slice pairs, those of one slice next to each other.
    """
    values = parse_batch(serialised, "slices")
    keys = fold(values["key"], *salts)
    hr = random_symmetry(tf.ensure_shape(values["hr"], [None, hr_size, hr_size]), keys, *symmetries)
    lr, sigma = degrade(hr, keys, config)
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


def random_gain(batch: Batch, lowest: float, highest: float) -> Batch:
    """Multiply LR, HR and sigma of each pair by one gain between `lowest` and `highest`."""
    gain = lowest + (highest - lowest) * uniform(seeds_of(batch["key"]), 1, GAIN_STREAM)[:, 0]
    scaled = {name: batch[name] * gain[:, None, None] for name in ("lr", "hr")}
    return {**batch, **scaled, "sigma": batch["sigma"] * gain}


def random_symmetry(images: tf.Tensor, keys: tf.Tensor, flips: bool, rotations: bool) -> tf.Tensor:
    """Mirror or turn whole HR slices about sample 0, before they are degraded.

    A mirrored patch would shift HR against LR, since LR sample i lies at HR sample s * i and not in the
    middle of s samples. The mirror image of a periodic slice, x[-j mod S], keeps sample 0 and commutes with
    the k-space crop (but for the one line at its rim that has no partner).

    Args:
        images: float32 [B, S, S].
        keys: int64 [B].
        flips: Mirror along each axis with probability 1/2.
        rotations: Transpose with probability 1/2 as well; alone, turn by a multiple of 90 degrees.

    Returns:
        float32 [B, S, S].
    """
    if not (flips or rotations):
        return images
    coins = uniform(seeds_of(keys), 3, SYMMETRY_STREAM) < 0.5
    rows, columns, transposed = coins[:, 0], coins[:, 1], coins[:, 2] & rotations
    if not flips:
        # A turn is a transposition with one mirroring, or two mirrorings without.
        columns = tf.math.logical_xor(rows, transposed)
    images = _where(rows, _mirrored(images, 1), images)
    images = _where(columns, _mirrored(images, 2), images)
    return _where(transposed, tf.transpose(images, [0, 2, 1]), images)


def _mirrored(images: tf.Tensor, axis: int) -> tf.Tensor:
    return tf.roll(tf.reverse(images, [axis]), 1, axis)


def _where(chosen: tf.Tensor, changed: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    return tf.where(chosen[:, None, None], changed, images)


def _merge(patches: tf.Tensor) -> tf.Tensor:
    return tf.reshape(patches, [-1, *patches.shape[2:]])
