"""One set of records, whoever makes it and whatever it is written as."""

from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from data_pipelines.low_field_sr import Builder
from lfsr_tf.pairs import prepare_dataset, read_records
from tests.data_pipelines.conftest import SMALL
from tests.data_pipelines.portable_runner import portable_service
from tests.lent_worker import lent_worker
from tests.record_digest import digest_records
from tests.warm import WarmProcess, start_warm_workers

SIDES = ("train", "validation")
Digests = dict[str, str]


def digests_of(builder: Builder) -> Digests:
    return {side: digest_records(tfds.as_numpy(builder.as_dataset(split=side))) for side in SIDES}


def prepare(scans: Path, output: Path, workers: int) -> None:
    prepare_dataset(scans / "train", scans / "validation", output, SMALL, workers=workers)


def digests_in(output: Path) -> Digests:
    return {side: digest_records(read_records(output, side)) for side in SIDES}


@pytest.fixture(scope="module")
def expected(scans: Path, tmp_path_factory: pytest.TempPathFactory) -> Digests:
    """What one worker process of `lfsr prepare` makes."""
    output = tmp_path_factory.mktemp("one") / "records"
    with lent_worker():
        prepare(scans, output, workers=1)
    digests = digests_in(output)
    assert digests["train"] != digests["validation"]
    return digests


def prepare_warm(scans: Path, output: Path, patch: pytest.MonkeyPatch) -> None:
    """Prepare with three workers that start at once."""
    start_warm_workers(patch)
    prepare(scans, output, workers=3)


def test_three_workers_make_the_same_records(scans, expected, tmp_path: Path) -> None:
    # As do two: tests/pairs compares the very bytes of one and of two.
    output, log = tmp_path / "records", tmp_path / "log.txt"
    process = WarmProcess(prepare_warm, scans, output, pytest.MonkeyPatch(), log=log)
    assert process.wait() == 0, log.read_text()
    assert digests_in(output) == expected


@pytest.mark.slow
def test_beam_on_all_cores_makes_the_same_records(scans, expected, build, tmp_path: Path) -> None:
    builder = build(scans, tmp_path)
    assert digests_of(builder) == expected
    assert builder.info.splits["train"].num_examples == SMALL.train_pairs
    assert not list(tmp_path.rglob(".*preparing*")) + list(tmp_path.rglob(".jobs"))


@pytest.mark.slow
def test_a_portable_runner_makes_the_same_records(scans, expected, build, tmp_path: Path) -> None:
    with portable_service(workers=2) as options:
        assert digests_of(build(scans, tmp_path, options)) == expected
