"""Worker processes whose death ends the pipeline.

Beam's local runner waits for ever for the answer of a worker that was killed, for example by the kernel for
want of memory: the thread that watches the process raises an error that nobody hears. And before it gives up
it lets every other worker do all of its share, which can take hours that end in an error.
"""

from __future__ import annotations

import functools
import os
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    BeamFnControlServicer,
    SubprocessSdkWorkerHandler,
    WorkerHandler,
)
from apache_beam.runners.portability.local_job_service import SubprocessSdkWorker

from data_pipelines.running import worker
from data_pipelines.running.loopback import servers_on_loopback
from lfsr_tf.signals import ENDING

_SECONDS_BETWEEN_LOOKS = 0.2
# What a terminal or a manager of processes sends goes to all of a session: the command alone answers, and
# ends its workers.
_DEAF = f"trap '' {' '.join(each.name.removeprefix('SIG') for each in ENDING)}"


@contextmanager
def safe_local_run() -> Iterator[None]:
    """Let pipelines that run inside the block be safe to leave alone.

    Their servers listen on the loopback interface alone, the death of a worker process ends them, and where
    they are broken off no worker is left after them.
    """
    with tempfile.TemporaryDirectory() as processes, servers_on_loopback():
        handler = functools.partial(_WatchedWorkerHandler, Path(processes))
        watched = {python_urns.SUBPROCESS_SDK: (handler, bytes)}
        with mock.patch.dict(WorkerHandler._registered_environments, watched):
            yield


class _WatchedWorkerHandler(SubprocessSdkWorkerHandler):
    """A worker process; when it dies, everything that is asked of it fails, and all others are ended.

    Args:
        processes: Folder where every worker of the run leaves a file with its process number.
        arguments: What Beam gives to a handler.
    """

    def __init__(self, processes: Path, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._process = processes / self.worker_id
        self._stopped = threading.Event()

    def start_worker(self) -> None:
        """Start the process, and a thread that waits for its end."""
        # Beam hands the command to a shell, which the worker replaces here: it keeps the shell's number.
        begin = f"{_DEAF}; echo $$ > {shlex.quote(str(self._process))} && exec "
        command = begin.encode() + worker.quiet(self._worker_command_line)
        self.worker = SubprocessSdkWorker(command, self.control_address, self.provision_info, self.worker_id)
        self.worker_thread = threading.Thread(name="run_worker", target=self._run, daemon=True)
        self.worker_thread.start()

    def close(self) -> None:
        """End the process; of a dead one Beam finds that out by an error."""
        self._stopped.set()
        # Beam tells only those that have answered by now; another one would wait for ever, and be waited for.
        self.control_conn.push(BeamFnControlServicer._DONE_MARKER)
        super().close()

    def stop_worker(self) -> None:
        """Wait until the process has ended; where the pipeline is broken off, it is ended at its work."""
        if isinstance(sys.exception(), KeyboardInterrupt):
            _kill(self._process)
        super().stop_worker()

    def _run(self) -> None:
        reason = ""
        try:
            self.worker.run()
        except RuntimeError as error:
            reason = str(error)
        # The system may give the number to another process now.
        self._process.unlink(missing_ok=True)
        if reason and not self._stopped.is_set():
            self._end_others()
            self._fail(reason)

    def _end_others(self) -> None:
        for process in self._process.parent.iterdir():
            _kill(process)

    def _fail(self, reason: str) -> None:
        """Answer in place of the dead process, until the runner has given up."""
        while not self._stopped.wait(_SECONDS_BETWEEN_LOOKS):
            for future in list(self.control_conn._futures_by_id.values()):
                if not future.is_done():
                    answer = beam_fn_api_pb2.InstructionResponse(error=reason)
                    answer.instruction_id = future.instruction_id
                    future.set(answer)


def _kill(process: Path) -> None:
    """Kill the worker that has left its number in a file, unless it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError, ValueError):
        os.kill(int(process.read_text()), signal.SIGKILL)
