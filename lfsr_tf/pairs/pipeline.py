"""`tf.data` for training and for validation: two functions, since they have little in common.

Every random number is keyed by (seed, epoch, slice, patch), so a run repeats, and epoch 7 is the same whether
a run came to it or was resumed there. `docs/input_pipelines.md` has the way of the data.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.graphs import as_written
from lfsr_tf.pairs.augmentation import Batch, random_gain
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.dataset import DatasetInfo, open_dataset
from lfsr_tf.pairs.examples import decode_pairs, draw_pairs, mixed
from lfsr_tf.pairs.keys import fold
from lfsr_tf.pairs.options import PipelineConfig, effective_config
from lfsr_tf.pairs.parts import Part, all_records, file_reader, table_reader, training_parts, visited
from lfsr_tf.pairs.passes import Block, Passes, beginning, whole_batches
from lfsr_tf.pairs.reading import check_records, stored_records
from lfsr_tf.pairs.remote import made_by_workers
from lfsr_tf.settings import check_counts

# Records that are made into pairs together: pairs, slices for validation, and whole slices.
_PAIRS_BLOCK, _SLICES_BLOCK = 256, 16
# Validation noise belongs to no epoch and to no seed: every run is judged by the same images.
VALIDATION_SALTS = (0, -1)

Arguments = tuple[tf.Tensor, ...]


def steps_per_epoch(folder: Path | str, batch_size: int, *, options: PipelineConfig | None = None) -> int:
    """Whole batches of one epoch: what Keras' `fit` wants to know of endless data.

    Raises:
        RecordsError: Not a folder of records.
        ConfigError: There are fewer pairs than one batch takes.
    """
    info = open_dataset(folder)
    pairs = count_pairs(info.train.records, effective_config(info, options or PipelineConfig()))
    return whole_batches(pairs, batch_size, str(info.folder))


@as_written
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
    """Endless training batches: pass after pass, with a new order, new gains and new noise in each.

    A pass has every pair exactly once. Where its pairs do not fill its last batch, the next pass does.
    Keras' `fit` needs `steps_per_epoch` with it, since its first epoch would never end.

    Args:
        folder: Folder of records.
        batch_size: Pairs a batch.
        seed: Of the order and the gains, and in mode "slices" of the noise and the patches.
        first_epoch: Where to begin, in epochs of `steps_per_epoch` batches: the stream is the one that a run
            from epoch 0 has from there on.
        options: How to feed the records.
        with_sigma: Give sigma as well, for a train_step of one's own: Keras' `fit` takes a third element for
            the weights of the samples.
        noise_level: Give sigma as the second channel of LR, for networks that take it.

    Returns:
        float32 (lr [B, h, w, 1], hr [B, s h, s w, 1]), with `noise_level` (lr [B, h, w, 2], hr), and with
        `with_sigma` sigma [B] as a third.

    Raises:
        RecordsError: The records are damaged or of another version.
        ConfigError: The options do not suit the records, or a number is out of its range.
    """
    opened = open_training(folder, batch_size, seed, first_epoch, options)
    finish = functools.partial(as_arguments, with_sigma=with_sigma, noise_level=noise_level)
    return carried(_made(opened, finish), opened.used, batch_size).prefetch(tf.data.AUTOTUNE)


@as_written
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
        options: How to feed the records; what changes training images (gains, flips, rotations, blur, echoes,
            hr_noise, in_phase) does not apply.
        with_sigma: Give sigma as well, for a train_step of one's own: Keras' `fit` takes a third element for
            the weights of the samples.
        noise_level: Give sigma as the second channel of LR.

    Returns:
        As `training_data`, but finite.

    Raises:
        RecordsError: The records are damaged or of another version.
        ConfigError: The options do not suit the records, or there is no validation side; or a number is out
            of its range.
    """
    options = options or PipelineConfig()
    info = open_dataset(folder)
    config = effective_config(info, options)
    if options.verify:
        check_records(info, "validation")
    if not info.validation.records:
        raise ConfigError(
            f"Expected validation records. Received: {folder} without any. Prepare it with some."
        )
    shards = info.validation.shards
    # Pairs have one patch size, whatever the sizes of their slices.
    sizes = sorted({shard.hr_size for shard in shards})
    groups = [sizes] if config.mode == "pairs" else [[size] for size in sizes]
    parts = [_validation_pairs(info, group, config) for group in groups]
    finish = functools.partial(as_arguments, with_sigma=with_sigma, noise_level=noise_level)
    pairs = functools.reduce(tf.data.Dataset.concatenate, parts).map(finish, tf.data.AUTOTUNE)
    count = count_pairs(info.validation.records, config)
    return counted(pairs, count, batch_size, batches, options.cache)


def counted(
    pairs: tf.data.Dataset, count: int, batch_size: int, batches: int | None, cache: bool
) -> tf.data.Dataset:
    """Batches of validation, with an end that Keras knows of; the last one may be small.

    Args:
        pairs: Structures of tensors that have the same number of pairs first, any number.
        count: Pairs in all.
        batch_size: Pairs a batch.
        batches: Stop after so many batches; None: all of them.
        cache: Nothing of them is random, so keep the finished batches in memory.

    Raises:
        ConfigError: A number is out of its range.
    """
    most = count if batches is None else batches
    check_counts(1, batch_size=batch_size, batches=most)
    number = min(-(-count // batch_size), most)
    # Keras takes an end that it was not told of for a lack of data.
    known = pairs.rebatch(batch_size).take(number).apply(tf.data.experimental.assert_cardinality(number))
    return (known.cache() if cache else known).prefetch(tf.data.AUTOTUNE)


def count_pairs(records: int, config: PairsConfig) -> int:
    """Pairs that so many records make in a pass."""
    return records * (config.patches_per_slice if config.mode == "slices" and config.lr_patch else 1)


def carried(pairs: tf.data.Dataset, used: int, batch_size: int) -> tf.data.Dataset:
    """Whole batches of an endless stream: what does not fill a batch comes first in the next one.

    Args:
        pairs: Structures of tensors that have the same number of pairs first, any number.
        used: Pairs at the beginning that belong to earlier batches.
        batch_size: Pairs a batch.
    """
    if used:
        pairs = pairs.scan(tf.constant(used, tf.int64), _without_used)
    # Cut from whole blocks, whatever their sizes, instead of gathered pair by pair.
    batches = pairs.rebatch(batch_size, drop_remainder=True)
    return batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))


def _without_used(used: tf.Tensor, pairs: Any) -> tuple[tf.Tensor, Any]:
    count = tf.shape(tf.nest.flatten(pairs)[0], tf.int64)[0]
    left = tf.minimum(used, count)
    return used - left, tf.nest.map_structure(lambda values: values[left:], pairs)


@dataclass(frozen=True)
class Opened:
    """Training records, and where in their endless passes to begin.

    Attributes:
        info: The records.
        config: Their settings, with the options that differ from them.
        options: How they are fed.
        parts: Their parts.
        passes: The order.
        first_pass: The pass that is under way.
        used: Pairs of it that belong to earlier epochs.
    """

    info: DatasetInfo
    config: PairsConfig
    options: PipelineConfig
    parts: list[Part]
    passes: Passes
    first_pass: int
    used: int


def open_training(
    folder: Path | str, batch_size: int, seed: int, first_epoch: int, options: PipelineConfig | None
) -> Opened:
    """Open the training records as `training_data` does; the same arguments and errors."""
    options = options or PipelineConfig()
    info = open_dataset(folder)
    config = effective_config(info, options)
    pairs = count_pairs(info.train.records, config)
    first_pass, used = beginning(pairs, batch_size, first_epoch, str(info.folder))
    if options.verify:
        check_records(info, "train")
    parts = training_parts(info, options.shards_at_once)
    passes = Passes(tuple(part.records for part in parts), block_records(config, options), seed)
    return Opened(info, config, options, parts, passes, first_pass, used)


def block_records(config: PairsConfig, options: PipelineConfig) -> int:
    """Records that are made into pairs together, and mixed where they are cut into patches."""
    if config.mode == "pairs":
        return _PAIRS_BLOCK
    return max(options.shuffle_patches // config.patches_per_slice, 1) if config.lr_patch else _SLICES_BLOCK


def _made(opened: Opened, finish: Callable[[Batch], Arguments]) -> tf.data.Dataset:
    """Finished pairs, a block at a time, made here or by the workers of a service."""
    info, options, parts, passes = opened.info, opened.options, opened.parts, opened.passes

    def make(block: Block) -> Arguments:
        return finish(_pairs(block, parts, opened.config, options, passes.seed))

    if options.service:
        return made_by_workers(passes, file_reader(info, parts), make, opened.first_pass, options.service)
    read = table_reader(all_records(info, parts), parts) if options.cache else file_reader(info, parts)
    return visited(passes, read, opened.first_pass).map(make, tf.data.AUTOTUNE, deterministic=True)


def _pairs(block: Block, parts: list[Part], config: PairsConfig, options: PipelineConfig, seed: int) -> Batch:
    salts = (seed, block["epoch"])
    sizes = sorted({part.hr_size for part in parts})
    if config.mode == "pairs":
        batch = decode_pairs(block["records"], sizes[-1], config)
        batch = {**batch, "key": fold(batch["key"], *salts)}
    else:
        # The size of a slice is a part of the graph that degrades it.
        graphs = [
            functools.partial(draw_pairs, block["records"], salts, size, config, options) for size in sizes
        ]
        kinds = tf.constant([sizes.index(part.hr_size) for part in parts])
        batch = tf.switch_case(kinds[block["part"]], graphs) if len(graphs) > 1 else graphs[0]()
        batch = mixed(batch) if config.lr_patch else batch
    return random_gain(batch, options.gain_min, options.gain_max)


def _validation_pairs(info: DatasetInfo, sizes: list[int], config: PairsConfig) -> tf.data.Dataset:
    """Validation pairs as they stand in the shards of some sizes, a block at a time."""
    shards = [shard for shard in info.validation.shards if shard.hr_size in sizes]
    records = stored_records([str(info.path(shard)) for shard in shards])
    size, options = sizes[-1], PipelineConfig()
    if config.mode == "pairs":
        return records.batch(_PAIRS_BLOCK).map(
            lambda serialised: decode_pairs(serialised, size, config), tf.data.AUTOTUNE
        )
    return records.batch(_SLICES_BLOCK).map(
        lambda serialised: draw_pairs(serialised, VALIDATION_SALTS, size, config, options), tf.data.AUTOTUNE
    )


def as_arguments(batch: Batch, with_sigma: bool, noise_level: bool) -> Arguments:
    """(lr, hr) as Keras' `fit` takes them, channels last."""
    lr, hr = batch["lr"][..., None], batch["hr"][..., None]
    if noise_level:
        lr = tf.concat([lr, batch["sigma"][:, None, None, None] * tf.ones_like(lr)], axis=-1)
    return (lr, hr, batch["sigma"]) if with_sigma else (lr, hr)
