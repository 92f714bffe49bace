"""The jobs of a preparation whose shards are files of tensorflow-datasets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lfsr_tf.pairs.preparing.jobs import JOBS, planned_records

SHARD_KIND = "tfds shard"


def make_shard(target: str, file_format: str, **planned: Any) -> None:
    """Write one shard in a container of tensorflow-datasets.

    Args:
        target: The shard; it appears whole or not at all.
        file_format: "tfrecord", "array_record" or another of tensorflow-datasets' formats.
        **planned: What goes into it: the arguments of `lfsr_tf.pairs.preparing.jobs.planned_records`.
    """
    import tensorflow_datasets as tfds
    from etils import epath
    from tensorflow_datasets.core.writer import ExampleWriter

    from data_pipelines.pairs_builder.features import without_shapes
    from lfsr_tf.pairs.records import serialised_records
    from lfsr_tf.storage import atomic_path

    records = without_shapes(planned_records(**planned))
    writer = ExampleWriter(file_format=tfds.core.FileFormat.from_value(file_format))
    with atomic_path(Path(target)) as temporary:
        writer.write(epath.Path(temporary), enumerate(serialised_records(records)))


TFDS_JOBS: dict[str, Callable[..., Any]] = {**JOBS, SHARD_KIND: make_shard}
