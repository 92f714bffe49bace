"""The TFRecord schema: what one record holds, and how it is written and parsed.

Images are float16 bytes, row by row, little-endian, already divided by the reference intensity. Mode "pairs"
has one LR/HR patch a record; mode "slices" one HR slice, without `lr`, `sigma`, `copy` and `patch`.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.wrappers_pb2 import BytesValue  # type: ignore[import-untyped]

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
    """Each record as the bytes of a `tf.train.Example`; all of them have the same features.

    Args:
        records: Values of the features. Where one is a `ChainMap`, its first map is its own; the others are
            shared with further records: those are serialised once.
    """
    form, form_of_shared = _Form(), _Form()
    shared: dict[int, tuple[Values, bytes]] = {}
    for record in records:
        own, *others = record.maps if isinstance(record, ChainMap) else (record,)
        for other in others:
            if id(other) not in shared:
                shared[id(other)] = other, form_of_shared.filled(other)
        features = form.filled(own) + b"".join(shared[id(other)][1] for other in others)
        # Messages one after the other are their union, and a message stands in another as bytes do
        # (https://protobuf.dev/programming-guides/encoding).
        yield BytesValue(value=features).SerializeToString()


class _Form:
    """Features of the same names, again and again: one message whose lists are looked up once.

    Half the time of `features[name]`, a seventh of that of a new message.
    """

    def __init__(self) -> None:
        self._features = tf.train.Features()
        self._fields: dict[str, tuple[Any, int | slice]] = {}

    def filled(self, values: Values) -> bytes:
        """A serialised `tf.train.Features` with these values."""
        for name, value in values.items():
            if name not in self._fields:
                self._fields[name] = _field_of(self._features.feature[name], value)
            field, place = self._fields[name]
            field[place] = value
        serialised: bytes = self._features.SerializeToString(deterministic=True)
        return serialised


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

    Raises:
        InvalidArgumentError: One of them is no record of this mode, or the images differ in size, are empty
            or have other pixels than their size says.
    """
    values = tf.io.parse_example(serialised, FEATURES[mode])
    for name in ("lr", "hr") if mode == "pairs" else ("hr",):
        pixels = tf.cast(tf.io.decode_raw(values[name], tf.float16), tf.float32)
        values[name] = tf.reshape(pixels, _shape_of_all(values.pop(f"{name}_shape")))
    return values


def _shape_of_all(shapes: tf.Tensor) -> tf.Tensor:
    """[B, h, w] of B equal shapes [B, 2]."""
    fit = tf.reduce_all((shapes == shapes[0]) & (shapes >= 1))
    # Of text alone, and no `tf.debugging`: that makes a branch of it, which takes longer.
    checked = tf.raw_ops.Assert(condition=fit, data=["Images of several sizes, or empty ones."])
    with tf.control_dependencies([checked]):
        return tf.concat([tf.shape(shapes, tf.int64)[:1], shapes[0]], axis=0)
