"""The worker processes of a preparation, seen from the process that directs them."""

from __future__ import annotations

import json
import selectors
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from lfsr_tf.errors import LfsrError
from lfsr_tf.pairs.preparing.jobs import Job, result_of
from lfsr_tf.subprocesses import module_command, module_environment


class WorkerPool:
    """Worker processes, as many as there is work for; leave the `with` block and they are gone.

    Args:
        workers: Most processes, at least 1. Each imports TensorFlow, so it starts with the first jobs that
            need it.
        log_folder: Where what the workers print is kept until the preparation ends.
    """

    def __init__(self, workers: int, log_folder: Path) -> None:
        self._logs = [log_folder / f"worker-{number}.log" for number in range(workers)]
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End all workers, whatever they are doing; they have ended when this returns."""
        processes, self._processes = self._processes, []
        for process in processes:
            process.kill()
        for process in processes:
            process.communicate()

    @contextmanager
    def stopped_on_error(self) -> Iterator[None]:
        """End all workers when the block fails, so that none writes into a folder that is being removed."""
        try:
            yield
        except BaseException:
            self.stop()
            raise

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
        """Do all jobs, as `jobs.Engine` asks."""
        while len(self._processes) < min(len(self._logs), len(jobs)):
            self._processes.append(_start(self._logs[len(self._processes)]))
        waiting = list(enumerate(jobs))[::-1]
        running: dict[int, int] = {}
        with selectors.DefaultSelector() as selector:
            for worker in range(len(self._processes)):
                selector.register(_pipe(self._processes[worker].stdout), selectors.EVENT_READ, worker)
                self._give(worker, waiting, running)
            while running:
                for key, _ in selector.select():
                    result = self._result(key.data)
                    number = running.pop(key.data)
                    self._give(key.data, waiting, running)
                    yield number, result

    def _give(self, worker: int, waiting: list[tuple[int, Job]], running: dict[int, int]) -> None:
        if not waiting:
            return
        number, job = waiting.pop()
        try:
            stream = _pipe(self._processes[worker].stdin)
            stream.write(json.dumps(job).encode() + b"\n")
            stream.flush()
        except BrokenPipeError as error:
            raise self._death(worker) from error
        running[worker] = number

    def _result(self, worker: int) -> Any:
        line = _pipe(self._processes[worker].stdout).readline()
        if not line:
            raise self._death(worker)
        return result_of(json.loads(line))

    def _death(self, worker: int) -> LfsrError:
        status = self._processes[worker].wait()
        printed = (
            self._logs[worker].read_text(errors="replace").split("\n") if self._logs[worker].is_file() else []
        )
        last = next((line for line in reversed(printed) if line.strip()), "it printed nothing")
        return LfsrError(
            f"A worker process ended with status {status} ({last}). If memory ran out, use fewer workers; "
            "what is done is kept."
        )


def _start(log: Path) -> subprocess.Popen[bytes]:
    environment = {
        **module_environment(),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "OMP_NUM_THREADS": "1",
        # Several workers share one GPU.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }
    with log.open("wb") as stream:
        try:
            return subprocess.Popen(
                module_command("lfsr_tf.pairs.preparing.worker"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                env=environment,
                # Ctrl-C goes to the directing process alone, which then ends the workers.
                start_new_session=True,
            )
        except OSError as error:
            raise LfsrError(
                f"Cannot start a worker process: {error.strerror or error}. Use fewer workers; what is done "
                "is kept."
            ) from error


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None, "started with pipes"
    return stream
