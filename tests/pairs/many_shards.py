"""Records cut into several small shards, which small data would fill one of."""

import itertools
from dataclasses import replace
from pathlib import Path

import tensorflow as tf

from lfsr_tf.hashing import sha256_file
from lfsr_tf.pairs import open_dataset
from lfsr_tf.pairs.dataset import Shard, write_description
from lfsr_tf.pairs.reading import stored_records


def in_shards(records: Path, folder: Path, sizes: list[int]) -> Path:
    """Copy a folder of records with its training side cut into shards of these sizes and one of the rest."""
    info = open_dataset(records)
    folder.mkdir()
    for shard in info.validation.shards:
        (folder / shard.file).write_bytes(info.path(shard).read_bytes())
    stored = list(stored_records([str(info.path(shard)) for shard in info.train.shards]).as_numpy_iterator())
    ends = [sum(sizes[:count]) for count in range(len(sizes) + 1)] + [len(stored)]
    parts = [stored[start:end] for start, end in itertools.pairwise(ends)]
    shards = tuple(
        _written(folder, number, part, info.train.shards[0].hr_size) for number, part in enumerate(parts)
    )
    write_description(replace(info, folder=folder, train=replace(info.train, shards=shards)))
    return folder


def _written(folder: Path, number: int, records: list[bytes], hr_size: int) -> Shard:
    path = folder / f"train-{number}.tfrecord.gz"
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions("GZIP")) as writer:
        for record in records:
            writer.write(record)
    return Shard(path.name, len(records), path.stat().st_size, sha256_file(path), hr_size)
