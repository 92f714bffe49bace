"""One worker process for many preparations: starting one takes longer than all that most tests have it do.

It is a real process, spoken to through real pipes. It stays for the next preparation only where it has
answered every job that it was given, and it does the work of as many workers as are asked for. So tests of
how many workers there are, of how they start and of how they end take none on loan.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from lfsr_tf.pairs.preparing.jobs import Job
from lfsr_tf.pairs.preparing.pool import WorkerPool


@contextmanager
def lent_worker() -> Iterator[None]:
    """A block whose preparations are done by the worker that all such blocks share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lfsr_tf.pairs.preparing.prepare.WorkerPool", _LentPool)
        yield


class _LentPool(WorkerPool):
    """A pool of one worker, which it gets from the last one and leaves to the next one."""

    _kept: ClassVar[list[Any]] = []

    def __init__(self, workers: int, log_folder: Path) -> None:
        self._idle = True
        if self._kept:
            self._logs, self._processes = [log_folder / "worker-0.log"], [self._kept.pop()]
        else:
            super().__init__(1, log_folder)

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
        self._idle = False
        yield from super().run(jobs)
        self._idle = True

    def stop(self) -> None:
        if self._idle and not self._kept:
            self._kept[:], self._processes = self._processes, []
        super().stop()


@atexit.register
def _end() -> None:
    """End the worker with the tests."""
    for process in _LentPool._kept:
        process.kill()
        process.communicate()
