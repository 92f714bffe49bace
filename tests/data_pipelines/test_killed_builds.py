"""kill -9 of a build on Beam, or of one of its workers, at random moments: the next build continues."""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tensorflow_datasets as tfds
from apache_beam.options.pipeline_options import PipelineOptions

from data_pipelines.low_field_sr import Builder
from lfsr_tf.errors import LfsrError
from lfsr_tf.pairs import prepare_dataset, read_records
from tests.data_pipelines.conftest import SMALL, small_builder, workers_of, write_scan
from tests.lent_worker import lent_worker
from tests.record_digest import digest_records
from tests.warm import WarmProcess

# The tests of `lfsr prepare`, whose steps these are, do the same many times over; starting Beam takes longer.
KILLS = 2
# Named to their depth: a search through all folders would meet those that Beam takes away meanwhile.
SLICES = "low_field_sr/small/.preparing-*/slices/*.json"
SHARDS = "low_field_sr/small/.preparing-*/shards/pairs-*"
REPOSITORY = Path(__file__).resolve().parents[2]
# Beam in the process that asks for it: what a scan's error becomes does not hang on where it arose. Never in
# the process of the tests: Beam leaves files open where a pipeline fails.
WITHOUT_WORKERS = "--direct_running_mode=in_memory"


def build(scans: Path, data: Path, *options: str) -> None:
    """Build the small configuration, as a process with a session of its own."""
    os.setsid()
    os.chdir(REPOSITORY)
    beam_options = PipelineOptions(list(options))
    config = tfds.download.DownloadConfig(manual_dir=scans, beam_options=beam_options)
    try:
        small_builder(data).download_and_prepare(download_config=config)
    except LfsrError as error:
        sys.exit(f"{type(error).__name__}: {error}")


def start(scans: Path, data: Path, *options: str) -> WarmProcess:
    return WarmProcess(build, scans, data, *options, log=data.parent / "log.txt")


def built(scans: Path, data: Path, *options: str) -> tuple[int, str]:
    """The exit code of a build, and the last line that it wrote."""
    process = start(scans, data, *options)
    code = process.wait(300)
    return code, process.communicate()[1].strip().split("\n")[-1]


def wait_for(condition: Callable[[], object], process: WarmProcess) -> None:
    while not condition():
        assert process.poll() is None, "the build ended before it could be killed"
        time.sleep(0.05)


@contextmanager
def stopped(process: WarmProcess) -> Iterator[None]:
    """A block in which the workers go on, but the build does not end before one is killed."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def digests(builder: Builder) -> list[str]:
    sides = builder.as_dataset(["train", "validation"])
    return [digest_records(tfds.as_numpy(side)) for side in sides]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_build_is_continued_by_the_next_one(scans: Path, tmp_path: Path) -> None:
    moments, kept = random.Random(7), {}
    for number in range(KILLS):
        whole_run = number % 2 == 1
        awaited = SHARDS if whole_run else SLICES
        process = start(scans, tmp_path / "data")
        wait_for(lambda awaited=awaited: list((tmp_path / "data").glob(awaited)), process)
        with stopped(process):
            time.sleep(moments.uniform(0.0, 0.3))
            if whole_run:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                os.kill(workers_of(process.pid)[-1], signal.SIGKILL)
        assert process.wait(300) == (-signal.SIGKILL if whole_run else 1)
        for path in (tmp_path / "data").glob(SLICES):
            written = path.stat().st_mtime_ns
            assert kept.setdefault(path, written) == written, "slices were made a second time"
    code, last = built(scans, tmp_path / "data", WITHOUT_WORKERS)
    assert code == 0, last
    assert kept
    with lent_worker():
        prepare_dataset(scans / "train", scans / "validation", tmp_path / "undisturbed", SMALL, workers=1)
    undisturbed = [read_records(tmp_path / "undisturbed", side) for side in ("train", "validation")]
    assert digests(small_builder(tmp_path / "data")) == [digest_records(records) for records in undisturbed]
    assert not list((tmp_path / "data").rglob(".*preparing*"))
    assert not list((tmp_path / "data").rglob("*incomplete*"))


@pytest.mark.slow
def test_a_corrupt_scan_is_named_when_the_others_are_built(tmp_path: Path) -> None:
    for number in range(3):
        write_scan(tmp_path / "scans" / "train" / f"sub-{number}_T1w.nii.gz", number)
    write_scan(tmp_path / "scans" / "validation" / "sub-9_T1w.nii.gz", 9)
    (tmp_path / "scans" / "train" / "sub-7_T1w.nii.gz").write_bytes(b"not a scan")
    code, last = built(tmp_path / "scans", tmp_path / "data", WITHOUT_WORKERS)
    assert code == 1
    assert last.startswith("ScanError: 1 of 5 scans could not be used") and "sub-7_T1w.nii.gz" in last
    builder = small_builder(tmp_path / "data")
    assert builder.is_prepared() and builder.info.splits["train"].num_examples == 500
    (failed,) = builder.info.metadata["failed"]
    assert failed["name"] == "sub-7_T1w.nii.gz"


@pytest.mark.slow
def test_a_strict_build_stops_at_a_corrupt_scan(tmp_path: Path) -> None:
    write_scan(tmp_path / "scans" / "train" / "sub-1_T1w.nii.gz", 1)
    write_scan(tmp_path / "scans" / "validation" / "sub-9_T1w.nii.gz", 9)
    (tmp_path / "scans" / "train" / "sub-7_T1w.nii.gz").write_bytes(b"not a scan")
    code, last = built(tmp_path / "scans", tmp_path / "data", "--strict", WITHOUT_WORKERS)
    assert code == 1 and last.startswith("ScanError: sub-7_T1w.nii.gz: ")
    assert not small_builder(tmp_path / "data").is_prepared()
    assert not list((tmp_path / "data").rglob(".preparing-*"))
