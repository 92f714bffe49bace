"""kill -9 at random moments, and a disk that fills up: nothing is lost, doubled or left over."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lfsr_tf.errors import ConfigError, LfsrError
from lfsr_tf.pairs import PairsConfig, open_dataset, prepare_dataset, read_records
from tests.warm import WarmProcess, start_warm_workers

KILLS = 20
CONFIG = PairsConfig(hr_size=32, lr_patch=8, patches_per_slice=60, noise_copies=6, shard_mebibytes=1)

# What is killed has workers of its own; what goes on in this process needs none.
pytestmark = pytest.mark.usefixtures("lent")

PROGRAM = """
import json, sys
import lfsr_tf as lfsr
from lfsr_tf.errors import LfsrError
try:
    config = lfsr.PairsConfig.from_json(json.loads(sys.argv[4]))
    lfsr.prepare_dataset(sys.argv[1], sys.argv[2], sys.argv[3], config, workers=2)
except LfsrError as error:
    sys.exit(str(error))
"""


def start(scans, output: Path) -> subprocess.Popen[str]:
    settings = json.dumps(CONFIG.to_json())
    words = [
        sys.executable,
        "-c",
        PROGRAM,
        str(scans.train),
        str(scans.validation),
        str(output),
        settings,
    ]
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True)


def prepare(
    train: Path, validation: Path, output: Path, patch: pytest.MonkeyPatch, limit: int | None = None
) -> None:
    """What `PROGRAM` does, with workers that start at once; no file grows beyond the limit."""
    start_warm_workers(patch)
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        prepare_dataset(train, validation, output, CONFIG, workers=2)
    except LfsrError as error:
        sys.exit(str(error))


def start_warm(scans, output: Path, limit: int | None = None) -> WarmProcess:
    arguments = (scans.train, scans.validation, output, pytest.MonkeyPatch(), limit)
    return WarmProcess(prepare, *arguments, log=output.with_name(f"{output.name}.log"))


def children_of(process: subprocess.Popen[str] | WarmProcess) -> list[int]:
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(word) for word in listed.split()]


def kill_after(process: subprocess.Popen[str] | WarmProcess, seconds: float, *, worker: bool = False) -> bool:
    """Kill the run, or one of its workers, without warning; True if it had not finished before."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        workers = children_of(process)
        if worker and workers:
            os.kill(workers[-1], signal.SIGKILL)
            printed = process.communicate(timeout=300)[1]
            # It had nothing to do any more, or the run ends with one line.
            assert process.returncode == 0 or len(printed.splitlines()) == 1, printed
            return process.returncode != 0
        process.kill()
        process.communicate()
        deadline = time.monotonic() + 30
        while any(Path(f"/proc/{worker}").exists() for worker in workers):
            assert time.monotonic() < deadline, "a worker outlived its preparation"
            time.sleep(0.05)
        return True
    # Reading what it printed closes the pipe, which is an error to leave open.
    printed = process.communicate()[1]
    assert process.returncode == 0, printed
    return False


def identity(folder: Path) -> list[tuple[object, ...]]:
    """Every record of the folder, decoded, in its order."""
    return [
        tuple(value.tobytes() if hasattr(value, "tobytes") else value for _, value in sorted(record.items()))
        for side in ("train", "validation")
        for record in read_records(folder, side)
    ]


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_twenty_kills_at_random_moments_lose_and_double_nothing(scans, tmp_path) -> None:
    undisturbed = tmp_path / "undisturbed"
    assert not kill_after(start_warm(scans, tmp_path / "first"), 600)  # starts the server of the others
    began = time.monotonic()
    assert not kill_after(start_warm(scans, undisturbed), 600)
    duration = time.monotonic() - began
    moments = random.Random(20240229)
    kills, finished = 0, []
    while kills < KILLS:
        output = tmp_path / f"disturbed-{len(finished)}"
        moment = moments.uniform(0.3, 1.1) * duration
        if kill_after(start_warm(scans, output), moment, worker=moments.random() < 0.5):
            kills += 1
        else:
            finished.append(output)
            duration *= 0.9  # else a slow first run would let all others finish
    output = tmp_path / f"disturbed-{len(finished)}"
    assert not kill_after(start_warm(scans, output), 600)
    expected = identity(undisturbed)
    assert (
        len(set(expected))
        == len(expected)
        == open_dataset(undisturbed).train.records + open_dataset(undisturbed).validation.records
    )
    for folder in (*finished, output):
        assert identity(folder) == expected
        assert {path.name for path in folder.iterdir()} == {path.name for path in undisturbed.iterdir()}


def test_a_killed_run_is_continued_not_begun_again(scans, tmp_path) -> None:
    output = tmp_path / "records"
    process = start_warm(scans, output)
    while not list(output.glob(".preparing-*/shards/pairs-*")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    assert kill_after(process, 0.0)
    folder = next(output.glob(".preparing-*"))
    (folder / "slices" / ".partial-1-000009.npy").write_bytes(b"half")
    kept = {
        path.name: path.stat().st_mtime_ns
        for path in (folder / "shards").iterdir()
        if path.name.startswith("pairs")
    }
    assert kept
    prepare_dataset(scans.train, scans.validation, output, CONFIG, workers=1)
    for name, time_written in kept.items():
        assert (output / name).stat().st_mtime_ns == time_written
    assert not [path for path in output.iterdir() if path.name.startswith(".")]


def test_what_a_run_left_that_was_killed_at_its_very_end_is_removed(scans, pairs_records, tmp_path) -> None:
    folder, info = Path(shutil.copytree(pairs_records, tmp_path / "records")), open_dataset(pairs_records)
    left = folder / f".preparing-{info.fingerprint}"
    for overwrite in (False, True):
        (left / "shards").mkdir(parents=True)
        (left / "publishing").touch()
        if overwrite:  # what was published then is no part of what is made now
            next(folder.glob("pairs-train-*")).write_bytes(b"damaged")
        prepare_dataset(scans.train, scans.validation, folder, info.config, workers=1, overwrite=overwrite)
        assert {path.name for path in folder.iterdir()} == {path.name for path in pairs_records.iterdir()}
        assert identity(folder) == identity(pairs_records)


def test_an_unfinished_run_of_other_settings_is_not_mixed_in(scans, tmp_path) -> None:
    output = tmp_path / "records"
    (output / ".preparing-0123456789abcdef" / "slices").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"unfinished preparation of others.*overwrite"):
        prepare_dataset(scans.train, scans.validation, output, CONFIG, workers=1)
    info = prepare_dataset(scans.train, scans.validation, output, CONFIG, workers=1, overwrite=True)
    assert not list(output.glob(".preparing-*"))
    assert info.train.records > 0


@pytest.mark.parametrize("limit", [2_000, 100_000])
def test_a_full_disk_is_one_line_and_keeps_what_is_done(scans, tmp_path, limit: int) -> None:
    # The smaller limit meets the cached slices, the larger one the shards.
    output = tmp_path / "records"
    process = start_warm(scans, output, limit)
    _, printed = process.communicate(timeout=300)
    assert process.returncode == 1
    assert printed.startswith("Cannot write ") and len(printed.splitlines()) == 1
    assert printed.rstrip().endswith("What is done is kept.")
    # No record that could be taken for one, and nothing that is half-written.
    (folder,) = output.iterdir()
    assert folder.name.startswith(".preparing-")
    assert not [path for path in folder.rglob("*") if path.name.startswith((".partial", "pairs"))]
    kept = {path.name: path.read_bytes() for path in (folder / "slices").glob("*.json")}
    assert len(kept) == (5 if limit == 100_000 else 0)
    info = prepare_dataset(scans.train, scans.validation, output, CONFIG, workers=1)
    assert len(identity(output)) == info.train.records + info.validation.records
    assert not [path for path in output.iterdir() if path.name.startswith(".")]


def test_a_dead_worker_is_reported_and_its_work_is_kept(scans, tmp_path) -> None:
    output = tmp_path / "records"
    process = start(scans, output)
    while not list(output.glob(".preparing-*/slices/*.json")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    os.kill(children_of(process)[0], signal.SIGKILL)
    _, printed = process.communicate(timeout=300)
    if process.returncode:  # else it had done its last job
        assert "worker process ended with status -9" in printed and "fewer workers" in printed
        assert list(output.glob(".preparing-*/slices/*.json"))
    prepare_dataset(scans.train, scans.validation, output, CONFIG, workers=1)
    assert (
        len(identity(output)) == open_dataset(output).train.records + open_dataset(output).validation.records
    )
