"""The worker processes end with the block that needs them."""

from pathlib import Path

import pytest

from lfsr_tf.errors import OutputError
from lfsr_tf.pairs.preparing.pool import WorkerPool


def is_running(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_workers_end_with_the_pool(tmp_path: Path) -> None:
    with WorkerPool(2, tmp_path) as pool:
        pids = [process.pid for process in pool._processes]
        assert all(map(is_running, pids))
    assert not any(map(is_running, pids))


def test_no_worker_goes_on_writing_after_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    # A worker that hashes an endless stream stands for one that is in the middle of a shard.
    jobs = [{"kind": "hash", "path": str(tmp_path / "a.txt")}, {"kind": "hash", "path": "/dev/zero"}]
    with WorkerPool(2, tmp_path) as pool:
        pids = [process.pid for process in pool._processes]
        with pytest.raises(OutputError, match="disk is full"), pool.stopped_on_error():
            next(pool.run(jobs))
            assert all(map(is_running, pids))
            raise OutputError("The disk is full.")
        assert not any(map(is_running, pids))


def test_a_block_without_an_error_keeps_its_workers(tmp_path: Path) -> None:
    scan = tmp_path / "a.txt"
    scan.write_text("text")
    with WorkerPool(1, tmp_path) as pool:
        with pool.stopped_on_error():
            first = [result for _, result in pool.run([{"kind": "hash", "path": str(scan)}])]
        assert [result for _, result in pool.run([{"kind": "hash", "path": str(scan)}])] == first
