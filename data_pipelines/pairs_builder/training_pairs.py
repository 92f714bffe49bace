"""Pairs from a data set of whole slices: of training anew in every epoch, of validation always the same."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_datasets as tfds

from lfsr_tf.errors import ConfigError
from lfsr_tf.graphs import as_written
from lfsr_tf.pairs.augmentation import Batch, random_gain
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.examples import mixed, pairs_of
from lfsr_tf.pairs.keys import fold
from lfsr_tf.pairs.options import PipelineConfig, with_options
from lfsr_tf.pairs.passes import beginning
from lfsr_tf.pairs.pipeline import (
    VALIDATION_SALTS,
    Arguments,
    as_arguments,
    block_records,
    carried,
    count_pairs,
    counted,
)


@as_written
def training_pairs(
    slices: tf.data.Dataset,
    info: tfds.core.DatasetInfo,
    batch_size: int,
    *,
    seed: int = 0,
    first_epoch: int = 0,
    options: PipelineConfig | None = None,
    with_sigma: bool = False,
    noise_level: bool = False,
) -> tf.data.Dataset:
    """Endless batches of pairs for Keras' `fit`, as `lfsr_tf.training_data` gives them from its own records.

    A pass has the pairs of `training_data` with the same seed; the slices come as `slices` has them.

    Args:
        slices: What `tfds.load` gives for a configuration of whole slices, in any order.
        info: Of the same data set (`tfds.load(..., with_info=True)`): it keeps the settings.
        batch_size: Pairs a batch.
        seed: Of the noise, the patches, the gains and the order of patches.
        first_epoch: As `training_data` takes it: an epoch is as many whole batches as the pairs of all slices
            fill. The stream is the same where `slices` has one order.
        options: What is done to the slices at random, gains among it, how many patches of what size are cut,
            and how many are mixed; what concerns the reading of lfsr_tf's own records has no effect.
        with_sigma: As `training_data` takes it: not for Keras' `fit`.
        noise_level: Give sigma as the second channel of LR, for networks that take it.

    Returns:
        As `training_data`; a slice's noise depends on its key, the seed and the pass alone.

    Raises:
        ConfigError: The data set holds pairs, or its size is not known, or the options do not suit it; or a
            number is out of its range.
    """
    options = options or PipelineConfig()
    config, count = _settings(slices, info, options)
    first_pass, used = beginning(count, batch_size, first_epoch, info.full_name)

    def one_pass(number: tf.Tensor) -> tf.data.Dataset:
        # A block ends with its pass, so that each pass has every pair once.
        return slices.batch(block_records(config, options)).map(lambda block: (number, block))

    def make(number: tf.Tensor, block: Batch) -> Arguments:
        pairs = _drawn(block, (seed, number), config, options)
        pairs = random_gain(mixed(pairs) if config.lr_patch else pairs, options.gain_min, options.gain_max)
        return as_arguments(pairs, with_sigma, noise_level)

    passes = tf.data.Dataset.range(first_pass, tf.int64.max).flat_map(one_pass)
    return carried(passes.map(make, tf.data.AUTOTUNE), used, batch_size).prefetch(tf.data.AUTOTUNE)


@as_written
def validation_pairs(
    slices: tf.data.Dataset,
    info: tfds.core.DatasetInfo,
    batch_size: int,
    *,
    batches: int | None = None,
    options: PipelineConfig | None = None,
    with_sigma: bool = False,
    noise_level: bool = False,
) -> tf.data.Dataset:
    """All pairs of validation slices once, always the same, without gains, as `lfsr_tf.validation_data`.

    Args:
        slices: As `training_pairs` takes them, of the side "validation".
        info: Of the same data set.
        batch_size: Pairs a batch.
        batches: Stop after so many batches.
        options: How many patches of what size are cut, and whether finished batches are kept (`cache`); what
            changes training images does not apply.
        with_sigma: As `training_data` takes it: not for Keras' `fit`.
        noise_level: Give sigma as the second channel of LR.

    Returns:
        As `training_pairs`, but finite; the last batch may be small.

    Raises:
        ConfigError: As `training_pairs`.
    """
    options = options or PipelineConfig()
    config, count = _settings(slices, info, options)

    def make(block: Batch) -> Arguments:
        pairs = _drawn(block, VALIDATION_SALTS, config, PipelineConfig())
        return as_arguments(pairs, with_sigma, noise_level)

    pairs = slices.batch(block_records(config, options)).map(make, tf.data.AUTOTUNE)
    return counted(pairs, count, batch_size, batches, options.cache)


def _settings(
    slices: tf.data.Dataset, info: tfds.core.DatasetInfo, options: PipelineConfig
) -> tuple[PairsConfig, int]:
    """The settings of the records with the options that differ from them, and the pairs of a pass."""
    config, count = PairsConfig.of_records(info.metadata["config"]), int(slices.cardinality())
    if config.mode != "slices" or "lr" in slices.element_spec or count < 1:
        raise ConfigError(
            f"Expected a finite data set of slices (slices_x2). Received: mode {config.mode!r} and "
            f"{count} elements. Pairs go straight into fit: tfds.load(..., as_supervised=True)."
        )
    config = with_options(config, options, {config.hr_size}, info.full_name)
    return config, count_pairs(count, config)


def _drawn(
    block: Batch, salts: tuple[tf.Tensor | int, ...], config: PairsConfig, options: PipelineConfig
) -> Batch:
    hr = tf.cast(block["hr"][..., 0], tf.float32)
    return pairs_of(hr, fold(block["key"], *salts), config, options)
