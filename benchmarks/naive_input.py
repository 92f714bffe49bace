"""What input_pipeline.py is compared with: the same pairs as a tutorial would feed them, record by record."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from lfsr_tf.pairs.augmentation import Batch, random_gain
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.dataset import open_dataset
from lfsr_tf.pairs.examples import acquired, cut_pairs
from lfsr_tf.pairs.keys import fold
from lfsr_tf.pairs.options import PipelineConfig
from lfsr_tf.pairs.records import FEATURES

SHUFFLED = 2048


def naive_training_data(folder: Path, batch_size: int, cache: bool) -> tf.data.Dataset:
    """One file after the other, one record a call, one gain a call, pairs batched last."""
    info = open_dataset(folder)
    config = info.config
    names = [str(info.path(shard)) for shard in info.train.shards]
    records = tf.data.TFRecordDataset(names, "GZIP", buffer_size=262_144)
    records = (records.cache() if cache else records).repeat().enumerate()
    if config.mode == "pairs":
        pairs = records.map(lambda step, record: _pair(_parsed(record, "pairs"), step))
    else:
        pairs = records.flat_map(
            lambda step, record: tf.data.Dataset.from_tensor_slices(
                _patches(_parsed(record, "slices"), step, config)
            )
        )
    scaled = pairs.map(_scaled).shuffle(SHUFFLED, seed=1)
    return scaled.batch(batch_size, drop_remainder=True).prefetch(1)


def _parsed(record: tf.Tensor, mode: str) -> Batch:
    values: Batch = tf.io.parse_single_example(record, FEATURES[mode])
    for name in ("lr", "hr") if mode == "pairs" else ("hr",):
        pixels = tf.cast(tf.io.decode_raw(values[name], tf.float16), tf.float32)
        values[name] = tf.reshape(pixels, values[f"{name}_shape"])
    return values


def _pair(values: Batch, step: tf.Tensor) -> Batch:
    return {
        "lr": values["lr"],
        "hr": values["hr"],
        "sigma": values["sigma"],
        "key": fold(values["key"], step),
    }


def _patches(values: Batch, step: tf.Tensor, config: PairsConfig) -> Batch:
    hr = tf.ensure_shape(values["hr"], [config.hr_size, config.hr_size])
    slices = acquired(hr[None], fold(values["key"], step)[None], config, PipelineConfig())
    return cut_pairs(slices, tf.range(config.patches_per_slice)[None, :], config)


def _scaled(pair: Batch) -> tuple[tf.Tensor, tf.Tensor]:
    batch = random_gain({name: value[None] for name, value in pair.items()}, 0.6, 1.4)
    return batch["lr"][0, :, :, None], batch["hr"][0, :, :, None]
