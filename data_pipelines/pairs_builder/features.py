"""The record schema of `lfsr prepare` as features of tensorflow-datasets.

A record is the same `tf.train.Example` in both, but for the shapes of the images, which all images of a data
set share and which the features know. Images get a channel axis, as networks take them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from lfsr_tf.errors import ConfigError
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.records import FEATURES, Values


def features_of(config: PairsConfig) -> tfds.features.FeaturesDict:
    """The features of the records that these settings give.

    Returns:
        `hr` (and with mode "pairs" `lr`) float16 [side, side, 1] in units of the reference intensity, and
        the labels of `records.FEATURES`.

    Raises:
        ConfigError: Slices may have sides of their own, which features of one shape cannot hold.
    """
    patches = config.mode == "pairs" and config.lr_patch
    if config.small_images == "own" and not patches:
        raise ConfigError(
            "Expected small_images='refuse' for whole slices, which a data set holds in one size. Received: "
            "'own'."
        )
    hr = config.hr_patch if patches else config.hr_size
    sides = {"hr": hr, "lr": hr // config.scale}
    return tfds.features.FeaturesDict(
        {
            name: _image(sides[name]) if name in sides else _label(spec)
            for name, spec in FEATURES[config.mode].items()
            if not name.endswith("_shape")
        }
    )


def without_shapes(records: Iterable[Values]) -> Iterator[dict[str, Any]]:
    """The values of each record that stand among the features."""
    for record in records:
        yield {name: value for name, value in record.items() if not name.endswith("_shape")}


def _image(side: int) -> tfds.features.FeatureConnector:
    shape = (side, side, 1)
    return tfds.features.Tensor(shape=shape, dtype=np.float16, encoding=tfds.features.Encoding.BYTES)


def _label(spec: tf.io.FixedLenFeature) -> tfds.features.FeatureConnector:
    if spec.dtype == tf.string:
        return tfds.features.Text()
    return tfds.features.Tensor(shape=tuple(spec.shape), dtype=spec.dtype.as_numpy_dtype)
