"""The TFRecord schema: what one record holds, and how it is written and parsed.

Images are float16 bytes, row by row, little-endian, already divided by the reference intensity. Mode "pairs"
has one LR/HR patch a record; mode "slices" one HR slice, without `lr`, `sigma`, `copy` and `patch`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from lfsr_tf.pairs.tfrecord import write_tfrecord
from lfsr_tf.storage import atomic_path

_HR_FEATURES: dict[str, tf.io.FixedLenFeature] = {
    "hr": tf.io.FixedLenFeature([], tf.string),
    "hr_shape": tf.io.FixedLenFeature([2], tf.int64),
    "contrast": tf.io.FixedLenFeature([], tf.string),
    "subject": tf.io.FixedLenFeature([], tf.string),
    "scan": tf.io.FixedLenFeature([], tf.string),
    "slice": tf.io.FixedLenFeature([], tf.int64),
    "reference": tf.io.FixedLenFeature([], tf.float32),
    "key": tf.io.FixedLenFeature([], tf.int64),
}
_LR_FEATURES: dict[str, tf.io.FixedLenFeature] = {
    "lr": tf.io.FixedLenFeature([], tf.string),
    "lr_shape": tf.io.FixedLenFeature([2], tf.int64),
    "sigma": tf.io.FixedLenFeature([], tf.float32),
    "copy": tf.io.FixedLenFeature([], tf.int64),
    "patch": tf.io.FixedLenFeature([2], tf.int64),
}
FEATURES: dict[str, dict[str, tf.io.FixedLenFeature]] = {
    "slices": _HR_FEATURES,
    "pairs": {**_HR_FEATURES, **_LR_FEATURES},
}
# Of an image in a record, row by row.
PIXELS = np.dtype("<f2")

Values = Mapping[str, Any]


def write_shard(path: Path, records: Iterable[Values]) -> None:
    """Write one shard under a temporary name and rename it when it is complete.

    Args:
        path: The shard; it appears whole or not at all.
        records: Values of the schema's features: bytes, numbers, or sequences of numbers.

    Raises:
        OutputError: The disk is full or the folder cannot be written.
    """
    with atomic_path(path) as temporary:
        write_tfrecord(temporary, serialised_records(records))


def serialised_records(records: Iterable[Values]) -> Iterator[bytes]:
    """Each record as the bytes of a `tf.train.Example`; all of them have the same features."""
    # One message serves all records, and its lists are looked up once: half the time of `features[name]`, a
    # seventh of that of a new message.
    example = tf.train.Example()
    fields: dict[str, tuple[Any, int | slice]] = {}
    for record in records:
        for name, value in record.items():
            if name not in fields:
                fields[name] = _field_of(example.features.feature[name], value)
            values, place = fields[name]
            values[place] = value
        yield example.SerializeToString(deterministic=True)


def _field_of(feature: Any, value: Any) -> tuple[Any, int | slice]:
    """The repeated field that holds such a value, filled with it, and what of the field it is."""
    several = isinstance(value, list | tuple)
    values = value if several else [value]
    kinds = {bytes: feature.bytes_list, float: feature.float_list}
    found = kinds.get(type(values[0]), feature.int64_list).value
    found.extend(values)
    return found, slice(None) if several else 0


def parse_batch(serialised: tf.Tensor, mode: str) -> dict[str, tf.Tensor]:
    """Parse a batch of records at once, which is much faster than one by one.

    Args:
        serialised: string [B]; all images of the batch have one size.
        mode: "pairs" or "slices".

    Returns:
        The schema's features, each with B first; `hr` (and `lr`) as float32 [B, h, w].
    """
    values = tf.io.parse_example(serialised, FEATURES[mode])
    for name in ("lr", "hr") if mode == "pairs" else ("hr",):
        pixels = tf.cast(tf.io.decode_raw(values[name], tf.float16), tf.float32)
        shape = values.pop(f"{name}_shape")[0]
        values[name] = tf.reshape(pixels, tf.concat([[-1], shape], axis=0))
    return values
