"""What is written is what TensorFlow writes and reads."""

import gzip
import random
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.pairs.tfrecord import framed, write_tfrecord

RECORDS = [b"", b"a", bytes(range(256)) * 40, random.Random(0).randbytes(70_000)]


def test_frames_are_those_of_tensorflow(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.tfrecord"
    with tf.io.TFRecordWriter(str(theirs)) as writer:
        for record in RECORDS:
            writer.write(record)
    assert b"".join(map(framed, RECORDS)) == theirs.read_bytes()


def test_tensorflow_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "ours.tfrecord.gz"
    write_tfrecord(path, RECORDS)
    read = tf.data.TFRecordDataset(str(path), "GZIP")
    assert [record.numpy() for record in read] == RECORDS
    assert gzip.decompress(path.read_bytes()) == b"".join(map(framed, RECORDS))


def test_no_name_and_no_time_stand_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tfrecord(tmp_path / "one.tfrecord.gz", RECORDS)
    monkeypatch.setattr(time, "time", lambda: 1e9)
    write_tfrecord(tmp_path / "other.tfrecord.gz", iter(RECORDS))
    assert (tmp_path / "one.tfrecord.gz").read_bytes() == (tmp_path / "other.tfrecord.gz").read_bytes()


def test_noise_packs_no_worse_than_by_zlib(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0.5, 0.05, (200, 1024)).astype("<f2")
    write_tfrecord(tmp_path / "ours", [row.tobytes() for row in noise])
    raw = b"".join(framed(row.tobytes()) for row in noise)
    assert (tmp_path / "ours").stat().st_size < 1.02 * len(gzip.compress(raw, 1))


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        write_tfrecord(tmp_path / "nowhere" / "one", RECORDS)
