"""Records and descriptions that are not what they say, though their hashes fit, are refused in one line."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import RecordsError
from lfsr_tf.hashing import sha256_file
from lfsr_tf.pairs import check_records, open_dataset, read_records, training_data
from lfsr_tf.pairs.records import PIXELS, parse_batch, serialised_records
from lfsr_tf.pairs.tfrecord import framed
from lfsr_tf.storage import read_json, write_json
from tests.memory import memory_now, memory_peak
from tests.pairs.conftest import first_shard

# What a slice has beside its image.
OTHER = {
    "contrast": b"T1w",
    "subject": b"sub-01",
    "scan": b"a.nii.gz",
    "slice": 0,
    "reference": 123.5,
    "key": 7,
}


def stored(*shapes: tuple[int, int], pixels: int | None = None) -> tf.Tensor:
    """Serialised slices of these shapes, with the pixels of theirs or so many."""
    counts = [height * width if pixels is None else pixels for height, width in shapes]
    records = [
        {**OTHER, "hr": np.ones(count, PIXELS).tobytes(), "hr_shape": shape}
        for count, shape in zip(counts, shapes, strict=True)
    ]
    return tf.constant(list(serialised_records(records)))


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize(
    "serialised",
    [
        stored((2, 8), (8, 2)),
        stored((0, 8)),
        stored((0, 0), (0, 0)),
        stored((-1, 4), pixels=16),
        stored((2, 2), (2, 2), pixels=8),
        stored((2**40, 2**40), pixels=16),
    ],
    ids=["turned", "empty side", "empty", "negative", "two in one", "huge"],
)
def test_images_of_a_batch_have_one_size_and_its_pixels(serialised: tf.Tensor, graph: bool) -> None:
    parse = tf.function(parse_batch) if graph else parse_batch
    with pytest.raises(tf.errors.InvalidArgumentError):
        parse(serialised, "slices")


def made_again(folder: Path, shard: Path, raw: bytes) -> None:
    """Other content of a shard, which the description is made to fit."""
    shard.write_bytes(gzip.compress(raw))
    values = read_json(folder / "dataset.json")
    for described in values["train"]["shards"]:
        if described["file"] == shard.name:
            described |= {"bytes": shard.stat().st_size, "sha256": sha256_file(shard)}
    write_json(folder / "dataset.json", values)


@pytest.mark.parametrize("shape", [(16, 64), (48, 48), (0, 32), (32, 0)], ids=str)
def test_a_slice_of_another_size_is_named(
    slices_records: Path, tmp_path: Path, shape: tuple[int, int]
) -> None:
    folder = Path(shutil.copytree(slices_records, tmp_path / "records"))
    (shard,) = folder.glob("*train*.gz")
    found = list(tf.data.TFRecordDataset(str(shard), "GZIP").as_numpy_iterator())
    found[2] = stored(shape).numpy()[0]
    made_again(folder, shard, b"".join(map(framed, found)))
    assert len(found) == open_dataset(folder).train.records
    with pytest.raises(RecordsError, match=rf"record 2 of shard .*{shard.name}") as caught:
        list(read_records(folder, "train"))
    assert "\n" not in str(caught.value)
    with pytest.raises((RecordsError, tf.errors.InvalidArgumentError)):
        next(iter(training_data(folder, 4)))


def test_a_pair_of_another_size_is_named(damaged: Path) -> None:
    shard = first_shard(damaged)
    found = list(tf.data.TFRecordDataset(str(shard), "GZIP").as_numpy_iterator())
    example = tf.train.Example.FromString(found[3])
    example.features.feature["lr_shape"].int64_list.value[:] = [4, 16]
    found[3] = example.SerializeToString()
    made_again(damaged, shard, b"".join(map(framed, found)))
    with pytest.raises(RecordsError, match=r"record 3 of shard .*its lr has 4 x 16 pixels instead of 8 x 8"):
        list(read_records(damaged, "train"))


def test_a_shard_that_unfolds_to_far_more_than_its_records_is_not_unfolded(damaged: Path) -> None:
    shard = first_shard(damaged)
    raw = gzip.decompress(shard.read_bytes())
    made_again(damaged, shard, raw + framed(bytes(2**27)))
    before = memory_now()
    for use in (
        lambda: list(read_records(damaged, "train")),
        lambda: check_records(open_dataset(damaged)),
        lambda: training_data(damaged, 4),
    ):
        with pytest.raises(RecordsError, match=rf"{shard.name} to hold \d+ records, of at most \d+ bytes"):
            use()
    assert memory_peak() - before < 2**10 * 2**16


def test_whole_shards_are_not_unfolded_before_training(
    pairs_records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lfsr_tf.pairs.reading.igzip", None)
    training_data(pairs_records, 4)


def test_another_schema_version_is_refused(damaged: Path) -> None:
    values = read_json(damaged / "dataset.json")
    write_json(damaged / "dataset.json", values | {"schema_version": 99})
    with pytest.raises(RecordsError, match=r"schema version 1. Received: version 99"):
        open_dataset(damaged)


def test_records_of_slices_open_that_were_asked_for_pairs(slices_records: Path, tmp_path: Path) -> None:
    # Earlier versions took these settings, wrote them down, and did nothing with them.
    folder = Path(shutil.copytree(slices_records, tmp_path / "records"))
    values = read_json(folder / "dataset.json")
    asked = {**values["config"], "train_pairs": 1000, "validation_pairs": 100}
    write_json(folder / "dataset.json", values | {"config": asked})
    assert open_dataset(folder).config == open_dataset(slices_records).config


@pytest.mark.parametrize("text", ["", "[]", '{"schema_version": 1}', "not json"])
def test_a_foreign_description_is_refused(damaged: Path, text: str) -> None:
    (damaged / "dataset.json").write_text(text)
    with pytest.raises(RecordsError, match=r"dataset\.json|schema"):
        open_dataset(damaged)


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../pairs/a.gz"},
        {"file": "/etc/passwd"},
        {"file": ".."},
        {"file": ""},
        {"file": "a\n.gz"},
        {"file": 5},
        {"file": "a" * 5000},
        {"records": "x"},
        {"records": -1},
        {"bytes": None},
        {"sha256": 5},
        {"hr_size": 0},
    ],
    ids=lambda change: repr(change)[:24],
)
def test_a_shard_that_cannot_be_is_refused(damaged: Path, change: dict[str, object]) -> None:
    values = read_json(damaged / "dataset.json")
    values["train"]["shards"][0] |= change
    write_json(damaged / "dataset.json", values)
    with pytest.raises(RecordsError, match=r"Expected a dataset\.json") as caught:
        open_dataset(damaged)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "change",
    [
        {"failed": 5},
        {"failed": [5]},
        {"failed": [{"error": "no name"}]},
        {"sources": 5},
        {"fingerprint": 5},
        {"versions": None},
        {"spacing_mm": ["a", "b"]},
        {"train": {"shards": [], "slices": "x", "subjects": [], "contrasts": {}}},
        {"train": {"shards": [], "slices": 0, "subjects": [], "contrasts": 5}},
    ],
    ids=str,
)
def test_a_description_of_other_kinds_is_refused(damaged: Path, change: dict[str, object]) -> None:
    values = read_json(damaged / "dataset.json")
    write_json(damaged / "dataset.json", values | change)
    with pytest.raises(RecordsError, match=r"Expected a dataset\.json"):
        open_dataset(damaged)


def test_a_folder_without_description_says_what_to_do(tmp_path) -> None:
    with pytest.raises(RecordsError, match="lfsr prepare"):
        open_dataset(tmp_path)
