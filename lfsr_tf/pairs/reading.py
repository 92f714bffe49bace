"""Reading records one by one, and finding out which shard and which record is damaged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import tensorflow as tf
from isal import igzip
from isal.igzip_lib import IsalError
from numpy.typing import NDArray

from lfsr_tf.errors import RecordsError, first_line
from lfsr_tf.hashing import sha256_file
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.dataset import DatasetInfo, Shard, SplitName, open_dataset
from lfsr_tf.pairs.records import PIXELS, parse_batch
from lfsr_tf.storage import name_text

Record = dict[str, Any]
# The stubs of isal take this class for an exception.
_UNPACKING: type[Exception] = IsalError  # type: ignore[assignment]
# Records that are parsed together.
_BATCH = 256
# TensorFlow's own default; unless it is given, TensorFlow prints a line that says so.
_BUFFER_BYTES = 262_144
# A shard unfolds to at most so many times its pixels, and so many bytes a record for names and all else.
_MOST_TIMES, _MOST_TEXT = 2, 2**13


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
        # Shards are not unfolded here, which takes longer than their hashes; this is what gzip says of them.
        if _declared_bytes(path) > _most_bytes(info.config, shard):
            _check_unfolds(info, shard)
        if path.stat().st_size != shard.bytes or sha256_file(path) != shard.sha256:
            for _ in read_shard(info, shard):
                pass
            raise RecordsError(
                f"Expected shard {path} as it was prepared. Received: other records. Prepare them "
                "again with --overwrite."
            )


def _sides(config: PairsConfig, shard: Shard) -> dict[str, int]:
    """Sides of the square images of a record, in pixels."""
    if config.mode == "slices":
        return {"hr": shard.hr_size}
    side = config.hr_patch or shard.hr_size
    return {"hr": side, "lr": side // config.scale}


def _most_bytes(config: PairsConfig, shard: Shard) -> int:
    """What its records take at most."""
    pixels = sum(side**2 for side in _sides(config, shard).values())
    return shard.records * (_MOST_TIMES * pixels * PIXELS.itemsize + _MOST_TEXT)


def _declared_bytes(path: Path) -> int:
    """What stands at the end of a gzip file: its size before compression, modulo 2^32."""
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - 4, 0))
        return int.from_bytes(stream.read(4), "little")


def _check_unfolds(info: DatasetInfo, shard: Shard) -> None:
    """Refuse a shard that unfolds to far more than its records, before TensorFlow unfolds it all.

    Raises:
        RecordsError: It does.
    """
    most, found = _most_bytes(info.config, shard), 0
    # What else is wrong with it is told with the number of the record.
    with contextlib.suppress(OSError, EOFError, _UNPACKING), igzip.open(info.path(shard)) as stream:
        while found <= most and (block := stream.read(_BUFFER_BYTES)):
            found += len(block)
    if found > most:
        raise RecordsError(
            f"Expected shard {info.path(shard)} to hold {shard.records} records, of at most {most} bytes. "
            "Received: more bytes. Prepare the records again with --overwrite."
        )


def read_shard(info: DatasetInfo, shard: Shard) -> Iterator[Record]:
    """Read one shard, checking every record.

    Raises:
        RecordsError: A record is damaged or foreign, or there are too few or too many.
    """
    _check_unfolds(info, shard)
    path, number = info.path(shard), 0
    for batch in _batches(path):
        yield from _parsed(batch, number, info, shard)
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


def _parsed(batch: tf.Tensor, first: int, info: DatasetInfo, shard: Shard) -> Iterator[Record]:
    """Parse records together, and one by one only to find the one that cannot be parsed."""
    path, mode = info.path(shard), info.config.mode
    try:
        values = {name: value.numpy() for name, value in parse_batch(batch, mode).items()}
    except (tf.errors.OpError, ValueError) as error:
        if len(batch) == 1:
            raise _damage(path, first, f"not a record of mode {mode!r}: {first_line(error)}") from error
        for number, one in enumerate(batch, first):
            yield from _parsed(one[None], number, info, shard)
        return
    for number in range(len(batch)):
        record = {name: value[number] for name, value in values.items()}
        for name, side in _sides(info.config, shard).items():
            if wrong := _wrong_image(record[name], side):
                raise _damage(path, first + number, f"its {name} {wrong}")
        yield {
            name: name_text(value) if isinstance(value, bytes) else value for name, value in record.items()
        }


def _wrong_image(image: NDArray[np.float32], side: int) -> str:
    if image.shape != (side, side):
        return f"has {image.shape[0]} x {image.shape[1]} pixels instead of {side} x {side}"
    return "" if np.isfinite(image).all() else "has pixels that are not finite"


def _damage(path: Path, number: int, reason: str) -> RecordsError:
    return RecordsError(
        f"Expected a whole record. Received: record {number} of shard {path} damaged ({reason}). Prepare the "
        "records again with --overwrite."
    )
