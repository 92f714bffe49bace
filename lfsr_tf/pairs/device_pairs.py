"""Noise on the device: `tf.data` says which pair comes when, and the compiled training step makes it.

HR slices stand on the device as one table, and a pair travels there as three numbers. Slices, noise, patches,
gains and order are those of `pipeline.training_data` with the same seed. Each pair costs one whole simulated
slice, of which one patch is used and not all `patches_per_slice`: little on a GPU, too much on a CPU
(`docs/input_pipelines.md`). TensorFlow alone; `studies/gpu` does the like in JAX.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.graphs import as_written
from lfsr_tf.pairs.augmentation import Batch, random_gain
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.dataset import DatasetInfo
from lfsr_tf.pairs.examples import acquired, all_patches, cut_pairs, mixed, patch_keys
from lfsr_tf.pairs.keys import fold
from lfsr_tf.pairs.options import PipelineConfig
from lfsr_tf.pairs.parts import Part, all_records, table_reader, visited
from lfsr_tf.pairs.passes import Block, Passes
from lfsr_tf.pairs.pipeline import Arguments, as_arguments, carried, open_training
from lfsr_tf.pairs.records import parse_batch

# Slices that are parsed together.
_BATCH = 256


class PairsOnDevice:
    """Makes the pairs of a batch inside a compiled training step."""

    def __init__(
        self,
        slices: tf.Tensor,
        config: PairsConfig,
        options: PipelineConfig,
        with_sigma: bool,
        noise_level: bool,
    ) -> None:
        """Take the table of slices, float16 [N, S, S], and what is done to them."""
        self.slices = slices
        self._config, self._options = config, options
        self._with_sigma, self._noise_level = with_sigma, noise_level

    def __call__(self, chosen: Batch) -> Arguments:
        """Make a batch.

        Args:
            chosen: As `device_data` gives it.

        Returns:
            As `training_data` gives it.
        """
        hr = tf.cast(tf.gather(self.slices, chosen["row"]), tf.float32)
        batch = acquired(hr, chosen["key"], self._config, self._options)
        if self._config.lr_patch:
            batch = cut_pairs(batch, chosen["patch"][:, None], self._config)
        batch = random_gain(batch, self._options.gain_min, self._options.gain_max)
        return as_arguments(batch, self._with_sigma, self._noise_level)


class TrainedOnDevice(keras.Model):
    """A network whose training step makes its pairs first: for `fit` on what `device_data` gives.

    Compile and fit this; the weights are those of `network`, which is what is saved: a checkpoint of this is
    one of weights alone. One device: Keras asks for pairs before the first step where a batch is split over
    several.
    """

    def __init__(self, network: keras.Model, make_pairs: PairsOnDevice) -> None:
        """Wrap a network of `lfsr_tf.networks`."""
        super().__init__()
        self.network = network
        self._make_pairs = make_pairs
        # Whoever restores a backup asks for it before the first step.
        self.built = network.built

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The network's answer."""
        return self.network(inputs, training=training)

    def train_step(self, data: Batch) -> Any:
        """Make the pairs, then take Keras' own step."""
        # Keras takes a third element, sigma, for the weights of the samples.
        return super().train_step(self._make_pairs(data)[:2])


@as_written
def device_data(
    folder: Path | str,
    batch_size: int,
    *,
    seed: int = 0,
    first_epoch: int = 0,
    options: PipelineConfig | None = None,
    with_sigma: bool = False,
    noise_level: bool = False,
) -> tuple[tf.data.Dataset, PairsOnDevice]:
    """`training_data` in two halves: which pairs, for the CPU, and their making, for the device.

    Args:
        folder: Folder of records of mode "slices", all of one size. All slices fit on the device: 5,000 of
            128 x 128 take 156 MiB.
        batch_size: Pairs a batch.
        seed: As `training_data` takes it.
        first_epoch: As `training_data` takes it.
        options: How to feed the records; `cache` and `service` do not apply.
        with_sigma: Give sigma as well: for a train_step of one's own. `TrainedOnDevice` drops it.
        noise_level: Give sigma as the second channel of LR.

    Returns:
        Endless batches of "row" int64 [B], the slice, "key" int64 [B], of its noise, and "patch" int32 [B];
        and what makes pairs of them, which `TrainedOnDevice` calls.

    Raises:
        RecordsError: The records are damaged or of another version.
        ConfigError: The options do not suit the records, or these are pairs or slices of several sizes.
    """
    opened = open_training(folder, batch_size, seed, first_epoch, options)
    _check_slices(opened.info)
    slices, keys = _table(opened.info, opened.parts)
    passes = opened.passes
    read = table_reader(tf.range(len(keys), dtype=tf.int64), opened.parts)

    def choose(block: Block) -> Batch:
        return _chosen(block, keys, passes, opened.config)

    chosen = visited(passes, read, opened.first_pass).map(choose, tf.data.AUTOTUNE, deterministic=True)
    batches = carried(chosen, opened.used, batch_size).prefetch(tf.data.AUTOTUNE)
    return batches, PairsOnDevice(slices, opened.config, opened.options, with_sigma, noise_level)


def _chosen(block: Block, slice_keys: tf.Tensor, passes: Passes, config: PairsConfig) -> Batch:
    rows = block["records"]
    keys = fold(tf.gather(slice_keys, rows), passes.seed, block["epoch"])
    if not config.lr_patch:
        return {"row": rows, "key": keys}
    count, patches = config.patches_per_slice, all_patches(keys, config)
    ordered = mixed(
        {
            "key": tf.reshape(patch_keys(keys[:, None], patches), [-1]),
            "slice key": tf.repeat(keys, count),
            "row": tf.repeat(rows, count),
            "patch": tf.reshape(patches, [-1]),
        }
    )
    return {"row": ordered["row"], "key": ordered["slice key"], "patch": ordered["patch"]}


def _table(info: DatasetInfo, parts: list[Part]) -> tuple[tf.Tensor, tf.Tensor]:
    """All slices, float16 [N, S, S], and their keys, int64 [N]."""
    batches = tf.data.Dataset.from_tensor_slices(all_records(info, parts)).batch(_BATCH)
    parsed = [parse_batch(serialised, "slices") for serialised in batches]
    slices = tf.concat([tf.cast(values["hr"], tf.float16) for values in parsed], axis=0)
    return slices, tf.concat([values["key"] for values in parsed], axis=0)


def _check_slices(info: DatasetInfo) -> None:
    sizes = sorted({shard.hr_size for shard in info.train.shards})
    if info.config.mode != "slices" or len(sizes) > 1:
        raise ConfigError(
            f"Expected records of mode 'slices' and of one size. Received: mode {info.config.mode!r}, sides "
            f"{sizes} in {info.folder}. Use training_data."
        )
