"""Reading records one by one, and finding out which shard and which record is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from lfsr_tf.errors import RecordsError
from lfsr_tf.pairs.dataset import DatasetInfo, Shard, SplitName, open_dataset
from lfsr_tf.pairs.records import parse_batch
from lfsr_tf.storage import sha256_file

Record = dict[str, Any]


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


def check_records(info: DatasetInfo) -> None:
    """Compare every shard with the hash that it had when it was made.

    Raises:
        RecordsError: A shard differs; it is named, and so is the first record that cannot be read.
    """
    for shard in (*info.train.shards, *info.validation.shards):
        path = info.path(shard)
        if path.stat().st_size != shard.bytes or sha256_file(path) != shard.sha256:
            for _ in read_shard(info, shard):
                pass
            raise RecordsError(
                f"Expected shard {path} as it was prepared. Received: other records. Prepare it again."
            )


def read_shard(info: DatasetInfo, shard: Shard) -> Iterator[Record]:
    """Read one shard, checking every record.

    Raises:
        RecordsError: A record is damaged or foreign, or there are too few or too many.
    """
    path, number = info.path(shard), 0
    serialised = iter(tf.data.TFRecordDataset(str(path), "GZIP"))
    while True:
        try:
            one = next(serialised)
        except StopIteration:
            break
        except tf.errors.OpError as error:
            raise _damage(path, number, error.message) from error
        yield _parse(one, path, number, info.config.mode)
        number += 1
    if number != shard.records:
        raise _damage(path, number, f"the shard ends after {number} of {shard.records} records")


def _parse(serialised: tf.Tensor, path: Path, number: int, mode: str) -> Record:
    try:
        values = parse_batch(serialised[None], mode)
    except (tf.errors.OpError, ValueError) as error:
        raise _damage(path, number, f"not a record of mode {mode!r}: {error}") from error
    record = {name: value[0].numpy() for name, value in values.items()}
    for name in ("hr", "lr"):
        if name in record and not np.isfinite(record[name]).all():
            raise _damage(path, number, f"{name} is not finite")
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in record.items()}


def _damage(path: Path, number: int, reason: str) -> RecordsError:
    return RecordsError(
        f"Expected a whole record. Received: record {number} of shard {path} damaged ({reason}). Prepare the "
        "records again with --overwrite."
    )
