"""Processes that have TensorFlow imported when they start, for tests that start many only to kill them.

They are copies of Python's own fork server, which imports TensorFlow and the training's and the preparation's
packages once and uses nothing of them, so that it has none of TensorFlow's threads yet, and each copy sets it
up for itself. Other tests start fresh processes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from lfsr_tf.cli.app import main
from lfsr_tf.pairs.preparing import pool, worker

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__, "lfsr_tf.training", "lfsr_tf.pairs.preparing.slice_cache"])


def lfsr(*words: str) -> None:
    """What the `lfsr` command does with these words."""
    sys.argv = ["lfsr", *words]
    main()


class WarmProcess:
    """A process that calls a function: what tests use of `subprocess.Popen`.

    Args:
        function: A function of a module.
        arguments: What it is called with.
        log: Gets what is printed.
    """

    def __init__(self, function: Callable[..., None], *arguments: Any, log: Path) -> None:
        self._log = log
        self._process = _CONTEXT.Process(target=_call, args=(function, arguments, log), daemon=True)
        self._process.start()
        self.pid, self.kill = self._process.pid, self._process.kill

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(str(self._process), timeout or 0)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[None, str]:
        self.wait(timeout)
        return None, self._log.read_text()


def _call(function: Callable[..., None], arguments: tuple[Any, ...], log: Path) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    function(*arguments)


def start_warm_workers(patch: pytest.MonkeyPatch) -> None:
    """Have preparations of this process start copies of it as their workers."""
    patch.setattr(pool, "_start", _WarmWorker)


class _WarmWorker:
    """What a pool uses of a worker's `subprocess.Popen`."""

    def __init__(self, log: Path) -> None:
        (jobs, given), (taken, answers) = os.pipe(), os.pipe()
        self._status: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            _work(jobs, answers, log)
        os.close(jobs)
        os.close(answers)
        self.stdin, self.stdout = os.fdopen(given, "wb"), os.fdopen(taken, "rb")

    def kill(self) -> None:
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status

    def communicate(self) -> None:
        self.stdin.close()
        self.stdout.close()
        self.wait()


def _work(jobs: int, answers: int, log: Path) -> NoReturn:
    os.setsid()
    for number, file in enumerate((jobs, answers, os.open(log, os.O_WRONLY | os.O_CREAT))):
        os.dup2(file, number)
    # Of all pipes a worker has only its own: the others would never be seen to close.
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    sys.stdin = os.fdopen(0)
    worker.main()
    os._exit(1)
