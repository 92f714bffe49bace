"""Reading the records of training, several shards at once, in the order of `passes`."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from lfsr_tf.errors import RecordsError
from lfsr_tf.pairs.dataset import DatasetInfo, Shard
from lfsr_tf.pairs.passes import Passes
from lfsr_tf.pairs.reading import read_shard, stored_records

# The part that is being used, and the next one.
_PARTS_AT_ONCE = 2
# Given the number of a part, int64 []: all its records [n], serialised or whatever stands for them.
Reader = Callable[[tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class Part:
    """Shards whose images have one size and that are read together."""

    shards: tuple[Shard, ...]
    hr_size: int

    @property
    def records(self) -> int:
        """Number of records."""
        return sum(shard.records for shard in self.shards)


def training_parts(info: DatasetInfo, shards_at_once: int) -> list[Part]:
    """The training shards in parts of nearly equal numbers of shards.

    Args:
        info: The records. Pairs have one patch size, so they are one kind; slices are one for each size.
        shards_at_once: Most shards of a part.
    """
    shards = info.train.shards
    sizes = sorted({shard.hr_size for shard in shards})
    if info.config.mode == "pairs":
        return _parts(shards, sizes[-1], shards_at_once)
    groups = [tuple(shard for shard in shards if shard.hr_size == size) for size in sizes]
    return [part for group in groups for part in _parts(group, group[0].hr_size, shards_at_once)]


def _parts(shards: tuple[Shard, ...], hr_size: int, most: int) -> list[Part]:
    count = -(-len(shards) // most)
    ends = [len(shards) * number // count for number in range(count + 1)]
    return [Part(shards[start:end], hr_size) for start, end in itertools.pairwise(ends)]


def file_reader(info: DatasetInfo, parts: list[Part]) -> Reader:
    """Records as they stand in the shards, read again on each call."""
    names = tf.ragged.constant([[str(info.path(shard)) for shard in part.shards] for part in parts])
    counts = tf.constant([part.records for part in parts], tf.int64)
    return lambda part: _read(names[part], counts[part])


def all_records(info: DatasetInfo, parts: list[Part]) -> tf.Tensor:
    """The serialised records of all parts, one after the other, string [records].

    Raises:
        RecordsError: A record is damaged; shard and record are named.
    """
    records = tf.data.Dataset.range(len(parts)).map(file_reader(info, parts), _PARTS_AT_ONCE)
    try:
        return tf.concat(list(records), axis=0)
    except tf.errors.OpError as error:
        raise _damage(info, parts, error) from error


def table_reader(rows: tf.Tensor, parts: list[Part]) -> Reader:
    """Rows of a table that has one for each record, part after part: [all records, ...]."""
    counts = tf.constant([part.records for part in parts], tf.int64)
    ends = tf.cumsum(counts)
    return lambda part: rows[ends[part] - counts[part] : ends[part]]


def visited(passes: Passes, read: Reader, first_pass: int) -> tf.data.Dataset:
    """Endless blocks, one part after the other, the next part being read while one is used.

    Args:
        passes: The order.
        read: Where records come from.
        first_pass: Where to begin.

    Returns:
        `passes.Block`s in the order of their numbers.
    """
    # So long a turn that the order is that of the parts.
    return passes.visits(first_pass).interleave(
        functools.partial(visit, passes, read),
        cycle_length=_PARTS_AT_ONCE,
        block_length=max(passes.blocks),
        num_parallel_calls=_PARTS_AT_ONCE,
        deterministic=True,
    )


def visit(passes: Passes, read: Reader, number: tf.Tensor) -> tf.data.Dataset:
    """The blocks of one visit."""
    return passes.cut(number, read(passes.visit(number)[1]))


def _read(names: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    shards = tf.data.Dataset.from_tensor_slices(names)
    records = shards.interleave(stored_records, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    # Fails where there are more records than `dataset.json` says; a block fails where there are fewer.
    return records.batch(count).get_single_element()


def _damage(info: DatasetInfo, parts: list[Part], error: tf.errors.OpError) -> RecordsError:
    """The error of the first damaged record, or of all records together if each can be read."""
    try:
        for part in parts:
            for shard in part.shards:
                for _ in read_shard(info, shard):
                    pass
    except RecordsError as named:
        return named
    return RecordsError(
        f"Expected the records of {info.folder} as dataset.json has them. Received: {error.message} Prepare "
        "them again."
    )
