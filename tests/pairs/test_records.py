import gzip
import resource
import subprocess
import sys
from collections import ChainMap, Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import OutputError, RecordsError
from lfsr_tf.hashing import sha256_file
from lfsr_tf.pairs import check_records, open_dataset, read_records, training_data, validation_data
from lfsr_tf.pairs.records import PIXELS, parse_batch, serialised_records, write_shard
from tests.pairs.conftest import first_shard


def record(number: int) -> dict[str, object]:
    image = np.full((4, 4), number / 8, np.float32)
    return {
        "hr": image.astype(PIXELS).tobytes(),
        "hr_shape": image.shape,
        "contrast": b"T1w",
        "subject": b"sub-01",
        "scan": b"a.nii.gz",
        "slice": number,
        "reference": 123.5,
        "key": -(2**60) + number,
    }


def test_a_record_survives_writing_and_parsing(tmp_path) -> None:
    write_shard(tmp_path / "a.tfrecord.gz", (record(number) for number in range(5)))
    serialised = list(tf.data.TFRecordDataset(str(tmp_path / "a.tfrecord.gz"), "GZIP"))
    values = parse_batch(tf.stack(serialised), "slices")
    np.testing.assert_array_equal(values["hr"], np.arange(5)[:, None, None] / 8 * np.ones((5, 4, 4)))
    np.testing.assert_array_equal(values["key"], -(2**60) + np.arange(5))
    assert values["reference"].numpy().tolist() == [123.5] * 5
    assert values["subject"].numpy().tolist() == [b"sub-01"] * 5


def test_what_records_share_stands_in_each_of_them() -> None:
    own = [{"key": number, "hr": bytes([number] * 32)} for number in range(3)]
    shared = [{"slice": 7, "subject": b"sub-01"}, {"slice": 8, "subject": b"sub-02"}]
    pairs = list(zip(own, [shared[0], shared[1], shared[0]], strict=True))
    joined = serialised_records(ChainMap(mine, theirs) for mine, theirs in pairs)
    whole = serialised_records(mine | theirs for mine, theirs in pairs)
    assert [tf.train.Example.FromString(one) for one in joined] == [
        tf.train.Example.FromString(one) for one in whole
    ]


def test_equal_records_give_equal_bytes(tmp_path) -> None:
    for name in ("a", "b"):
        write_shard(tmp_path / name, (record(number) for number in range(5)))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_failing_writer_leaves_nothing(tmp_path) -> None:
    def broken():
        yield record(0)
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        write_shard(tmp_path / "a.tfrecord.gz", broken())
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path) -> None:
    code = (
        "import resource, sys, os\n"
        "from pathlib import Path\n"
        "from lfsr_tf.errors import OutputError\n"
        "from lfsr_tf.pairs.records import write_shard\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "noise = ({'hr': os.urandom(4000)} for _ in range(50))\n"
        "try:\n"
        "    write_shard(Path(sys.argv[1]), noise)\n"
        "except OutputError as error:\n"
        "    print(error)\n"
    )
    target = tmp_path / "a.tfrecord.gz"
    done = subprocess.run(
        [sys.executable, "-c", code, str(target)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"Cannot write {target}")
    assert len(done.stdout.splitlines()) == 1
    assert not list(tmp_path.iterdir())
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_parent_that_is_a_file_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="Cannot write"):
        write_shard(tmp_path / "file" / "a.tfrecord.gz", [record(0)])


def rewritten(shard: Path, number: int, change) -> None:
    """Compress again with one byte changed in record `number`, keeping the framing."""
    raw = bytearray(gzip.decompress(shard.read_bytes()))
    position = 0
    for _ in range(number):
        position += 16 + int.from_bytes(raw[position : position + 8], "little")
    change(raw, position)
    shard.write_bytes(gzip.compress(bytes(raw)))


def assert_named(folder: Path, shard: Path, number: int) -> None:
    message = f"record {number} of shard .*{shard.name}"
    with pytest.raises(RecordsError, match=message):
        list(read_records(folder, "train"))
    with pytest.raises(RecordsError, match=message):
        check_records(open_dataset(folder))
    with pytest.raises(RecordsError, match=message):
        training_data(folder, 4)


def test_whole_records_pass(pairs_records: Path) -> None:
    check_records(open_dataset(pairs_records))


def test_a_wrong_checksum_names_shard_and_record(damaged: Path) -> None:
    def flip(raw: bytearray, position: int) -> None:
        raw[position + 40] ^= 0xFF

    rewritten(first_shard(damaged), 5, flip)
    assert_named(damaged, first_shard(damaged), 5)


def test_a_truncated_shard_names_the_record_where_it_ends(damaged: Path) -> None:
    shard = first_shard(damaged)
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    with pytest.raises(RecordsError, match=rf"record \d+ of shard .*{shard.name}"):
        list(read_records(damaged, "train"))
    with pytest.raises(RecordsError, match=shard.name):
        training_data(damaged, 4)


def test_a_shard_that_ends_early_but_cleanly_is_noticed(damaged: Path) -> None:
    def cut(raw: bytearray, position: int) -> None:
        del raw[position:]

    rewritten(first_shard(damaged), 3, cut)
    assert_named(damaged, first_shard(damaged), 3)


def test_an_empty_shard_is_noticed(damaged: Path) -> None:
    first_shard(damaged).write_bytes(b"")
    assert_named(damaged, first_shard(damaged), 0)


def test_records_of_another_schema_are_noticed(damaged: Path) -> None:
    shard = first_shard(damaged)
    write_shard(shard, [{"picture": b"abc", "label": 3}])
    assert_named(damaged, shard, 0)


def test_another_shard_of_whole_records_is_noticed(damaged: Path) -> None:
    shard = first_shard(damaged)
    serialised = list(tf.data.TFRecordDataset(str(shard), "GZIP"))
    with tf.io.TFRecordWriter(str(shard), "GZIP") as writer:
        for one in serialised[::-1]:
            writer.write(one.numpy())
    with pytest.raises(RecordsError, match=f"{shard.name} as it was prepared"):
        check_records(open_dataset(damaged))


def test_each_side_is_checked_where_it_is_used(damaged: Path) -> None:
    (shard,) = damaged.glob("pairs-validation-*")
    shard.write_bytes(b"")
    training_data(damaged, 4)
    info = open_dataset(damaged)
    check_records(info, "train")
    for check in (
        lambda: validation_data(damaged, 4),
        lambda: check_records(info, "validation"),
        lambda: check_records(info),
    ):
        with pytest.raises(RecordsError, match=shard.name):
            check()


def test_who_trains_and_validates_hashes_every_shard_once(
    pairs_records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: Counter[str] = Counter()

    def hash_file(path: Path) -> str:
        hashed[path.name] += 1
        return sha256_file(path)

    monkeypatch.setattr("lfsr_tf.pairs.reading.sha256_file", hash_file)
    training_data(pairs_records, 4)
    validation_data(pairs_records, 4)
    assert hashed == Counter(path.name for path in pairs_records.glob("*.gz"))


def test_a_missing_shard_is_named(damaged: Path) -> None:
    shard = first_shard(damaged)
    shard.unlink()
    with pytest.raises(RecordsError, match=f"{shard.name}.*missing"):
        open_dataset(damaged)
