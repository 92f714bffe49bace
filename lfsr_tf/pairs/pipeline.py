"""`tf.data` for training and for validation: two functions, since they have little in common.

Every random number is keyed by (seed, epoch, slice, patch), so a run repeats, and epoch 7 is the same whether
a run came to it or was resumed there.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.pairs.augmentation import Batch, random_gain
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.dataset import DatasetInfo, SplitName, open_dataset
from lfsr_tf.pairs.examples import decode_pairs, draw_pairs
from lfsr_tf.pairs.keys import fold
from lfsr_tf.pairs.options import PipelineConfig, effective_config
from lfsr_tf.pairs.reading import check_records, stored_records

# Slices that are degraded together while training.
_SLICE_BATCH = 16
_RECORD_ORDER, _PATCH_ORDER = 1, 2
# Validation noise belongs to no epoch and to no seed: every run is judged by the same images.
_VALIDATION_SALTS = (0, -1)


def steps_per_epoch(
    folder: Path | str, batch_size: int, *, options: PipelineConfig | None = None, split: SplitName = "train"
) -> int:
    """Whole batches of one epoch: what Keras' `fit` wants to know of endless data.

    Raises:
        RecordsError: Not a folder of records.
        ConfigError: There are fewer pairs than one batch takes.
    """
    info = open_dataset(folder)
    pairs = _count_pairs(info, split, effective_config(info, options or PipelineConfig()))
    if batch_size < 1 or pairs < batch_size:
        raise ConfigError(
            f"Expected a batch size of 1 to {pairs}, the pairs of {folder}. Received: {batch_size}."
        )
    return pairs // batch_size


def training_data(
    folder: Path | str,
    batch_size: int,
    *,
    seed: int = 0,
    first_epoch: int = 0,
    options: PipelineConfig | None = None,
    with_sigma: bool = False,
    noise_level: bool = False,
) -> tf.data.Dataset:
    """Endless training batches: every `steps_per_epoch` of them, a new order, new gains and new noise.

    Keras' `fit` needs `steps_per_epoch` with it, since its first epoch would never end.

    Args:
        folder: Folder of records.
        batch_size: Pairs a batch.
        seed: Of the order and the gains, and in mode "slices" of the noise and the patches.
        first_epoch: Where to begin: the stream is the one that a run from epoch 0 has from there on.
        options: How to feed the records.
        with_sigma: Give sigma as well.
        noise_level: Give sigma as the second channel of LR, for networks that take it.

    Returns:
        float32 (lr [B, h, w, 1], hr [B, s h, s w, 1]), with `noise_level` (lr [B, h, w, 2], hr), and with
        `with_sigma` sigma [B] as a third.

    Raises:
        RecordsError: The records are damaged or of another version.
        ConfigError: The options do not suit the records.
    """
    options = options or PipelineConfig()
    steps = steps_per_epoch(folder, batch_size, options=options)
    info = _open(folder, options)
    config = effective_config(info, options)
    groups = _groups(info, "train", options)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        return _epoch_batches(groups, batch_size, seed, epoch, config, options).take(steps)

    # Cache before anything random; shuffle before repeat, so that epochs do not mix; batch before map, so
    # that one call parses or degrades many records; prefetch last, so that the network never waits.
    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max).flat_map(one_epoch)
    batches = epochs.map(
        lambda batch: random_gain(batch, options.gain_min, options.gain_max), tf.data.AUTOTUNE
    )
    endless = _arguments(batches, with_sigma, noise_level).apply(
        tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
    )
    return endless.prefetch(tf.data.AUTOTUNE)


def validation_data(
    folder: Path | str,
    batch_size: int,
    *,
    batches: int | None = None,
    options: PipelineConfig | None = None,
    with_sigma: bool = False,
    noise_level: bool = False,
) -> tf.data.Dataset:
    """All validation pairs once, always the same in one order, without gains; the last batch may be small.

    Args:
        folder: Folder of records.
        batch_size: Pairs a batch.
        batches: Stop after so many batches: a mixture of all subjects, since records stand in random order.
        options: How to feed the records; gains, flips and rotations do not apply.
        with_sigma: Give sigma as well.
        noise_level: Give sigma as the second channel of LR.

    Returns:
        As `training_data`, but finite.

    Raises:
        RecordsError: The records are damaged or of another version.
        ConfigError: The options do not suit the records, or there is no validation side.
    """
    options = options or PipelineConfig()
    info = _open(folder, options)
    config = effective_config(info, options)
    if not info.validation.records:
        raise ConfigError(
            f"Expected validation records. Received: {folder} without any. Prepare it with some."
        )
    groups = _groups(info, "validation", replace(options, cache=False))
    if config.mode == "pairs":
        data = _decoded(groups[0].records.batch(batch_size), groups[0].hr_size, config)
    else:
        parts = [
            _degraded(group.records, group.hr_size, _VALIDATION_SALTS, config, PipelineConfig())
            for group in groups
        ]
        data = functools.reduce(tf.data.Dataset.concatenate, parts).unbatch().batch(batch_size)
    count = min(-(-_count_pairs(info, "validation", config) // batch_size), batches or tf.int64.max)
    # Keras takes an end that it was not told of for a lack of data.
    known = data.take(count).apply(tf.data.experimental.assert_cardinality(count))
    finished = _arguments(known, with_sigma, noise_level)
    # Nothing here is random, so the finished batches are kept.
    return (finished.cache() if options.cache else finished).prefetch(tf.data.AUTOTUNE)


@dataclass(frozen=True, eq=False)
class _Group:
    """Serialised records whose images have one size, and how many there are."""

    records: tf.data.Dataset
    hr_size: int
    count: int


def _open(folder: Path | str, options: PipelineConfig) -> DatasetInfo:
    info = open_dataset(folder)
    if options.verify:
        check_records(info)
    return info


def _count_pairs(info: DatasetInfo, split: SplitName, config: PairsConfig) -> int:
    each = config.patches_per_slice if config.mode == "slices" and config.lr_patch else 1
    return info.split(split).records * each


def _groups(info: DatasetInfo, split: SplitName, options: PipelineConfig) -> list[_Group]:
    """One group for each slice size; pairs have one patch size, so they are one group."""
    shards = info.split(split).shards
    sizes = sorted({shard.hr_size for shard in shards})
    groups = []
    for size in sizes if info.config.mode == "slices" else sizes[-1:]:
        members = [shard for shard in shards if info.config.mode == "pairs" or shard.hr_size == size]
        records = stored_records([info.path(shard) for shard in members])
        count = sum(shard.records for shard in members)
        groups.append(_Group(records.cache() if options.cache else records, size, count))
    return groups


def _epoch_batches(
    groups: Sequence[_Group],
    batch_size: int,
    seed: int,
    epoch: tf.Tensor,
    config: PairsConfig,
    options: PipelineConfig,
) -> tf.data.Dataset:
    # `shuffle` mixes in TensorFlow's global seed and fails where that is 0; this sets that of this graph.
    tf.compat.v1.set_random_seed(1)
    salts = (seed, epoch)
    mixed = [_shuffled(group.records, options.shuffle_records, salts, _RECORD_ORDER) for group in groups]
    if config.mode == "pairs":
        batches = _decoded(mixed[0].batch(batch_size, drop_remainder=True), groups[0].hr_size, config)
        return batches.map(lambda batch: {**batch, "key": fold(batch["key"], *salts)}, tf.data.AUTOTUNE)
    drawn = [
        _degraded(records, group.hr_size, salts, config, options).unbatch()
        for records, group in zip(mixed, groups, strict=True)
    ]
    pairs = drawn[0]
    if len(drawn) > 1:
        weights = [group.count / sum(group.count for group in groups) for group in groups]
        pairs = tf.data.Dataset.sample_from_datasets(drawn, weights, seed=seed, stop_on_empty_dataset=False)
    return _shuffled(pairs, options.shuffle_patches, salts, _PATCH_ORDER).batch(
        batch_size, drop_remainder=True
    )


def _shuffled(
    data: tf.data.Dataset, buffer: int, salts: tuple[int, tf.Tensor], purpose: int
) -> tf.data.Dataset:
    seed = fold(tf.constant(purpose, tf.int64), *salts)
    return data.shuffle(buffer, seed=seed, reshuffle_each_iteration=False)


def _decoded(batches: tf.data.Dataset, hr_size: int, config: PairsConfig) -> tf.data.Dataset:
    return batches.map(lambda serialised: decode_pairs(serialised, hr_size, config), tf.data.AUTOTUNE)


def _degraded(
    records: tf.data.Dataset,
    hr_size: int,
    salts: tuple[int, tf.Tensor | int],
    config: PairsConfig,
    options: PipelineConfig,
) -> tf.data.Dataset:
    return records.batch(_SLICE_BATCH).map(
        lambda serialised: draw_pairs(serialised, salts, hr_size, config, options), tf.data.AUTOTUNE
    )


def _arguments(batches: tf.data.Dataset, with_sigma: bool, noise_level: bool) -> tf.data.Dataset:
    """(lr, hr) as Keras' `fit` takes them, channels last."""

    def arguments(batch: Batch) -> tuple[tf.Tensor, ...]:
        lr, hr = batch["lr"][..., None], batch["hr"][..., None]
        if noise_level:
            lr = tf.concat([lr, batch["sigma"][:, None, None, None] * tf.ones_like(lr)], axis=-1)
        return (lr, hr, batch["sigma"]) if with_sigma else (lr, hr)

    return batches.map(arguments, tf.data.AUTOTUNE)
