"""The pairs of a run: training batches that depend on the epoch's number alone, and validation batches."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from lfsr_tf.errors import ModelError, first_line
from lfsr_tf.graphs import as_written
from lfsr_tf.model_info import scan_mark
from lfsr_tf.networks import build_network
from lfsr_tf.networks.checkpoint import check_can_be_loaded
from lfsr_tf.networks.traits import NetworkTraits, traits_of
from lfsr_tf.pairs import (
    DatasetInfo,
    PipelineConfig,
    check_records,
    open_dataset,
    steps_per_epoch,
    training_data,
    validation_data,
)
from lfsr_tf.pairs.remote import error_of_service
from lfsr_tf.physics.scanners import scanner_settings
from lfsr_tf.settings import check_names
from lfsr_tf.training.augment import axes_are_alike, random_flips
from lfsr_tf.training.config import TrainConfig

# What TensorFlow says of a file that is damaged, of another kind, gone, or that the system cannot read.
_UNREADABLE = (
    tf.errors.DataLossError,
    tf.errors.InvalidArgumentError,
    tf.errors.NotFoundError,
    tf.errors.UnknownError,
)


def _sound() -> None:
    """Pairs that are computed are never damaged."""


@dataclass(frozen=True)
class PairSource:
    """What training needs to know of its data.

    Attributes:
        training: Given the number of an epoch (from 0): endless batches from that epoch on, each
            (lr [B, h, w, C], hr [B, s h, s w, 1]) float32, C 2 where the network takes the noise level, else
            1. A resumed run sees what an uninterrupted one would.
        validation: The same kind of batches, once through, always the same.
        steps_per_epoch: Batches of one epoch.
        identity: What makes two sources the same; a run is only continued on the same source. Plain JSON
            values.
        facts: What the model's description should say of the data: `sigma_range`, `spacing_range_mm`,
            `acquisition`, `trained_on`, `validated_on`.
        check: Raises RecordsError where files that the pairs come from are damaged.
    """

    training: Callable[[int], tf.data.Dataset]
    validation: tf.data.Dataset
    steps_per_epoch: int
    identity: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    check: Callable[[], None] = _sound

    @property
    def lr_shape(self) -> tuple[int | None, ...]:
        """Shape of one LR image as validation has it, (h, w, C)."""
        return tuple(self.validation.element_spec[0].shape[1:])

    @property
    def hr_shape(self) -> tuple[int | None, ...]:
        """Shape of one HR image as validation has it, (s h, s w, 1)."""
        return tuple(self.validation.element_spec[1].shape[1:])


@contextmanager
def damage_named(check: Callable[[], None]) -> Iterator[None]:
    """Where pairs cannot be read in the block, look for the damage: TensorFlow names no shard.

    Args:
        check: That of the `PairSource`.

    Raises:
        RecordsError: The files are damaged.
        ServiceError: The service that makes the pairs does not answer, or has lost some of them.
    """
    try:
        yield
    except _UNREADABLE as error:
        if lost := error_of_service(error):
            raise lost from error
        check()
        raise


@as_written
def with_flips(
    batches: tf.data.Dataset, seed: int, first_step: int, transpose: bool = True
) -> tf.data.Dataset:
    """Mirror and transpose the pairs of each batch at random, by the batch's number in the whole run.

    Args:
        batches: (lr, hr) batches of a known, square size.
        seed: The run's seed.
        first_step: Number of the first batch, so that a resumed run goes on with the flips it would have had.
        transpose: As of `random_flips`.

    Returns:
        The batches, one LR sample smaller along both axes.
    """

    def flip(step: tf.Tensor, pair: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        key = tf.stack([tf.constant(seed, tf.int64), step])
        return random_flips(*pair, seed=key, transpose=transpose)

    return batches.enumerate(first_step).map(flip, num_parallel_calls=tf.data.AUTOTUNE)


def read_source(records: Path, config: TrainConfig) -> PairSource:
    """The pairs of a folder of records.

    Args:
        records: Folder that `prepare_dataset` wrote, of either mode.
        config: Network, batch size, steps, seed, flips and pipeline settings.

    Returns:
        The source; its identity is that of the records.

    Raises:
        RecordsError: The records are damaged or of another version.
        ConfigError: The pipeline's settings are unknown or do not suit the records, or there is no such
            network.
        ModelError: The network does not take images of any size, or has a layer without a name or one whose
            reach is not known.
    """
    info = open_dataset(records)
    noise_level = _usable_network(config).takes_noise_level
    options = _verified(info, _pipeline(config, info))
    epoch_of_records = steps_per_epoch(records, config.batch_size, options=options)
    steps = config.steps_per_epoch or epoch_of_records

    settings: dict[str, Any] = {"options": options, "noise_level": noise_level}
    endless = functools.partial(training_data, records, config.batch_size, seed=config.seed, **settings)

    def training(first_epoch: int) -> tf.data.Dataset:
        # An epoch of training may be a part of an epoch of the records, or several of them.
        first_step = first_epoch * steps
        passes, skipped = divmod(first_step, epoch_of_records)
        batches = endless(first_epoch=passes).skip(skipped)
        if not _flips_patches(config, info):
            return batches
        return with_flips(batches, config.seed, first_step, axes_are_alike(info.config.acquisition))

    check = functools.partial(_check_again, records)
    validation = validation_data(records, config.batch_size, batches=config.validation_steps, **settings)
    with damage_named(check):
        # Read once, so that damage is found before a run folder is made; it fills the cache as well.
        for _ in validation:
            pass
    return PairSource(training, validation, steps, info.identity, _facts(info), check)


def _verified(info: DatasetInfo, options: PipelineConfig) -> PipelineConfig:
    """Look for damaged records where that is wanted, before a run folder is made; then nobody need again."""
    if options.verify:
        check_records(info)
    return dataclasses.replace(options, verify=False)


def _check_again(records: Path) -> None:
    # Opened anew: a shard may have gone.
    check_records(open_dataset(records))


def _usable_network(config: TrainConfig) -> NetworkTraits:
    """The traits of a network, which must be one that could be used: it is not trained for hours first."""
    network, again = (build_network(config.network, **config.network_settings) for _ in range(2))
    for weight, same in zip(network.weights, again.weights, strict=True):
        if weight.path != same.path:
            raise ModelError(
                "Expected layers with names of their own, by which weights are found again. Received: "
                f"{weight.path} in {config.network}, named by Keras. Give every layer a name."
            )
    check_can_be_loaded(network)
    traits = traits_of(network)
    _check_any_size(network)
    return traits


def _check_any_size(network: keras.Model) -> None:
    """Trace a network as it runs on scans: patches are of one size, and with those it may yet train."""
    try:
        tf.function(
            lambda images: network(images, training=False),
            input_signature=[tf.TensorSpec(network.input_shape, tf.float32)],
            autograph=False,
        ).get_concrete_function()
    # Layers raise whatever they like.
    except Exception as error:
        raise ModelError(
            f"Expected a network that takes images of any size. Received: {network.name} "
            f"({first_line(error)}). Compute sizes by keras.ops.shape, and without if or while."
        ) from error


def _pipeline(config: TrainConfig, info: DatasetInfo) -> PipelineConfig:
    """The pipeline's options; slices are flipped there, as a whole and without losing a sample."""
    settings = {"flips": config.flips, "rotations": config.flips} if info.config.mode == "slices" else {}
    check_names(PipelineConfig, config.pipeline)
    return PipelineConfig(**{**settings, **config.pipeline})


def _flips_patches(config: TrainConfig, info: DatasetInfo) -> bool:
    return config.flips and info.config.mode == "pairs"


def _facts(info: DatasetInfo) -> dict[str, Any]:
    acquisition, simulated = info.config.acquisition, info.config.pairing == "simulated"
    return {
        # Repetitions have the noise of their scanner, of which the records do not say the range.
        "sigma_range": (acquisition.sigma_min, acquisition.sigma_max) if simulated else None,
        "spacing_range_mm": info.spacing_mm,
        "acquisition": scanner_settings(acquisition) if simulated else None,
        "trained_on": _marks(info, "train"),
        "validated_on": _marks(info, "validation"),
        "data_fingerprint": info.fingerprint,
    }


def _marks(info: DatasetInfo, split: str) -> tuple[str, ...]:
    """Those of the scans of one side."""
    return tuple(
        scan_mark(source["sha256"])
        for source in info.sources
        if any(volume["split"] == split for volume in source["volumes"])
    )
