"""The worker processes start when there is work for them, and end with the block that needs them."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from lfsr_tf.errors import LfsrError, OutputError
from lfsr_tf.pairs.preparing.pool import WorkerPool


def children() -> set[int]:
    """Processes that this one started and that run."""
    listed = " ".join(path.read_text() for path in Path("/proc/self/task").glob("*/children"))
    return {pid for pid in map(int, listed.split()) if is_running(pid)}


def is_running(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text("text")
    return path


def hash_job(path: Path | str) -> dict[str, Any]:
    return {"kind": "hash", "name": "a.txt", "path": str(path)}


def results(pool: WorkerPool, jobs: list[dict[str, Any]]) -> list[Any]:
    return [result for _, result in pool.run(jobs)]


def test_no_more_workers_start_than_there_are_jobs_and_they_end_with_the_pool(
    scan: Path, tmp_path: Path
) -> None:
    before = children()
    with WorkerPool(64, tmp_path) as pool:
        assert children() == before
        for jobs in (1, 2, 1):
            assert len(set(map(str, results(pool, jobs * [hash_job(scan)])))) == 1
        started = children() - before
        assert len(started) == 2
    assert not any(map(is_running, started))


def test_there_are_never_more_workers_than_were_asked_for(scan: Path, tmp_path: Path) -> None:
    before = children()
    with WorkerPool(1, tmp_path) as pool:
        assert len(results(pool, 3 * [hash_job(scan)])) == 3
        assert len(children() - before) == 1


def test_a_worker_that_cannot_be_started_is_one_line_and_leaves_none(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, start, left = children(), subprocess.Popen, iter([True])

    def limited(*words: Any, **options: Any) -> subprocess.Popen[bytes]:
        if not next(left, False):
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return start(*words, **options)

    monkeypatch.setattr("lfsr_tf.pairs.preparing.pool.subprocess.Popen", limited)
    with (
        pytest.raises(LfsrError, match=r"^Cannot start a worker.*unavailable.*Use fewer workers"),
        WorkerPool(3, tmp_path) as pool,
    ):
        results(pool, 3 * [hash_job(scan)])
    assert children() == before


def test_no_worker_goes_on_writing_after_an_error(scan: Path, tmp_path: Path) -> None:
    # A worker that hashes an endless stream stands for one that is in the middle of a shard.
    jobs = [hash_job(scan), hash_job("/dev/zero")]
    before = children()
    with WorkerPool(2, tmp_path) as pool:
        with pytest.raises(OutputError, match="disk is full"), pool.stopped_on_error():
            next(pool.run(jobs))
            started = children() - before
            assert len(started) == 2
            raise OutputError("The disk is full.")
        assert not any(map(is_running, started))


def test_a_block_without_an_error_keeps_its_workers(scan: Path, tmp_path: Path) -> None:
    before = children()
    with WorkerPool(1, tmp_path) as pool:
        with pool.stopped_on_error():
            first = results(pool, [hash_job(scan)])
        started = children() - before
        assert results(pool, [hash_job(scan)]) == first
        assert children() - before == started
