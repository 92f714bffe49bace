"""Reading records one by one, and finding out which shard and which record is damaged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import tensorflow as tf

from lfsr_tf.errors import RecordsError
from lfsr_tf.hashing import sha256_file
from lfsr_tf.pairs.dataset import DatasetInfo, Shard, SplitName, open_dataset
from lfsr_tf.pairs.records import parse_batch
from lfsr_tf.storage import name_text

Record = dict[str, Any]
# Records that are parsed together.
_BATCH = 256
# TensorFlow's own default; unless it is given, TensorFlow prints a line that says so.
_BUFFER_BYTES = 262_144


def stored_records(files: str | list[str] | tf.Tensor) -> tf.data.Dataset:
    """The serialised records of one shard, or of several one after the other."""
    return tf.data.TFRecordDataset(files, compression_type="GZIP", buffer_size=_BUFFER_BYTES)


def read_records(folder: Path | str, split: SplitName) -> Iterator[Record]:
    """Read one side of a folder of records, checking every record.

    Args:
        folder: Folder of the records.
        split: "train" or "validation".

    Yields:
        The features of each record: `hr` and `lr` float32 [h, w], `sigma`, `contrast` and so on as plain
        values.

    Raises:
        RecordsError: A record is damaged or foreign; shard and record are named.
    """
    info = open_dataset(folder)
    for shard in info.split(split).shards:
        yield from read_shard(info, shard)


def check_records(info: DatasetInfo, *sides: SplitName) -> None:
    """Compare every shard with the hash that it had when it was made.

    Args:
        info: The records.
        sides: The sides whose shards are compared; none named: both.

    Raises:
        RecordsError: A shard differs; it is named, and so is the first record that cannot be read.
    """
    for shard in (shard for side in sides or get_args(SplitName) for shard in info.split(side).shards):
        path = info.path(shard)
        if path.stat().st_size != shard.bytes or sha256_file(path) != shard.sha256:
            for _ in read_shard(info, shard):
                pass
            raise RecordsError(
                f"Expected shard {path} as it was prepared. Received: other records. Prepare them "
                "again with --overwrite."
            )


def read_shard(info: DatasetInfo, shard: Shard) -> Iterator[Record]:
    """Read one shard, checking every record.

    Raises:
        RecordsError: A record is damaged or foreign, or there are too few or too many.
    """
    path, number = info.path(shard), 0
    for batch in _batches(path):
        yield from _parsed(batch, path, number, info.config.mode)
        number += len(batch)
    if number != shard.records:
        raise _damage(path, number, f"the shard ends after {number} of {shard.records} records")


def _batches(path: Path) -> Iterator[tf.Tensor]:
    """Records as they stand in the file, checked against their checksums, many at a time."""
    records = stored_records(str(path))
    try:
        yield from records.batch(_BATCH)
    except tf.errors.OpError as error:
        raise _damage(path, _whole_records(records), error.message) from error


def _whole_records(records: tf.data.Dataset) -> int:
    """How many records can be read before the first damaged one: its number."""
    count = 0
    with contextlib.suppress(tf.errors.OpError):
        for _ in records:
            count += 1
    return count


def _parsed(batch: tf.Tensor, path: Path, first: int, mode: str) -> Iterator[Record]:
    """Parse records together, and one by one only to find the one that cannot be parsed."""
    try:
        values = {name: value.numpy() for name, value in parse_batch(batch, mode).items()}
    except (tf.errors.OpError, ValueError) as error:
        if len(batch) == 1:
            raise _damage(path, first, f"not a record of mode {mode!r}: {error}") from error
        for number, one in enumerate(batch, first):
            yield from _parsed(one[None], path, number, mode)
        return
    for number in range(len(batch)):
        record = {name: value[number] for name, value in values.items()}
        if not all(np.isfinite(record[name]).all() for name in ("hr", "lr") if name in record):
            raise _damage(path, first + number, "its pixels are not finite")
        yield {
            name: name_text(value) if isinstance(value, bytes) else value for name, value in record.items()
        }


def _damage(path: Path, number: int, reason: str) -> RecordsError:
    return RecordsError(
        f"Expected a whole record. Received: record {number} of shard {path} damaged ({reason}). Prepare the "
        "records again with --overwrite."
    )
