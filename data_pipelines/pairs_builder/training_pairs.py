"""Pairs for training from a data set of whole slices: noise and patches are drawn anew in every epoch."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_datasets as tfds

from lfsr_tf.errors import ConfigError
from lfsr_tf.graphs import as_written
from lfsr_tf.pairs.augmentation import random_gain
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.examples import pairs_of
from lfsr_tf.pairs.keys import fold
from lfsr_tf.pairs.options import PipelineConfig, with_options

# Slices that are degraded together.
_SLICE_BATCH = 16


@as_written
def training_pairs(
    slices: tf.data.Dataset,
    info: tfds.core.DatasetInfo,
    batch_size: int,
    *,
    seed: int = 0,
    shuffle_pairs: int = 1024,
    options: PipelineConfig | None = None,
) -> tf.data.Dataset:
    """Endless batches of pairs for Keras' `fit`, as `lfsr_tf.training_data` gives them from its own records.

    Args:
        slices: What `tfds.load` gives for a configuration of whole slices, in any order.
        info: Of the same data set (`tfds.load(..., with_info=True)`): it keeps the settings.
        batch_size: Pairs a batch.
        seed: Of the noise, the patches and their order.
        shuffle_pairs: Pairs that are mixed, so that those of one slice do not fill a batch.
        options: What is done to the slices at random, gains among it, and how many patches of what size are
            cut; what concerns the reading of lfsr_tf's own records has no effect.

    Returns:
        float32 (lr [B, h, w, 1], hr [B, s h, s w, 1]); a slice's noise depends on its key, the seed and the
        epoch alone.

    Raises:
        ConfigError: The data set holds pairs, or its size is not known, or the options do not suit it.
    """
    config, count = PairsConfig.from_json(dict(info.metadata["config"])), int(slices.cardinality())
    if config.mode != "slices" or "lr" in slices.element_spec or count < 1:
        raise ConfigError(
            f"Expected a finite data set of slices (slices_x2). Received: mode {config.mode!r} and "
            f"{count} elements. Pairs go straight into fit: tfds.load(..., as_supervised=True)."
        )
    chosen = options or PipelineConfig()
    effective = with_options(config, chosen, {config.hr_size}, info.full_name)

    def drawn(place: tf.Tensor, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        return _drawn(batch, seed, place // count, effective, chosen)

    pairs = slices.repeat().enumerate().batch(_SLICE_BATCH).map(drawn, tf.data.AUTOTUNE).unbatch()
    mixed = pairs.shuffle(shuffle_pairs, seed=seed)
    return mixed.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def _drawn(
    batch: dict[str, tf.Tensor], seed: int, epochs: tf.Tensor, config: PairsConfig, options: PipelineConfig
) -> tuple[tf.Tensor, tf.Tensor]:
    keys = fold(batch["key"], seed, epochs)
    hr = tf.cast(batch["hr"][..., 0], tf.float32)
    pairs = random_gain(pairs_of(hr, keys, config, options), options.gain_min, options.gain_max)
    return pairs["lr"][..., None], pairs["hr"][..., None]
