"""Worker processes whose death ends the pipeline.

Beam's local runner waits for ever for the answer of a worker that was killed, for example by the kernel for
want of memory: the thread that watches the process raises an error that nobody hears.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    SubprocessSdkWorkerHandler,
    WorkerHandler,
)
from apache_beam.runners.portability.local_job_service import SubprocessSdkWorker

from data_pipelines.running.loopback import servers_on_loopback

_SECONDS_BETWEEN_LOOKS = 0.2


@contextmanager
def safe_local_run() -> Iterator[None]:
    """Let pipelines that run inside the block be safe to leave alone.

    Their servers listen on the loopback interface alone, and the death of a worker process ends them.
    """
    watched = {python_urns.SUBPROCESS_SDK: (_WatchedWorkerHandler, bytes)}
    with servers_on_loopback(), mock.patch.dict(WorkerHandler._registered_environments, watched):
        yield


class _WatchedWorkerHandler(SubprocessSdkWorkerHandler):
    """A worker process; when it dies, everything that is asked of it fails."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._stopped = threading.Event()

    def start_worker(self) -> None:
        """Start the process, and a thread that waits for its end."""
        self.worker = SubprocessSdkWorker(
            self._worker_command_line, self.control_address, self.provision_info, self.worker_id
        )
        self.worker_thread = threading.Thread(name="run_worker", target=self._run, daemon=True)
        self.worker_thread.start()

    def close(self) -> None:
        """End the process; of a dead one Beam finds that out by an error."""
        self._stopped.set()
        super().close()

    def _run(self) -> None:
        try:
            self.worker.run()
        except RuntimeError as error:
            self._fail(str(error))

    def _fail(self, reason: str) -> None:
        """Answer in place of the dead process, until the runner has given up."""
        while not self._stopped.wait(_SECONDS_BETWEEN_LOOKS):
            for future in list(self.control_conn._futures_by_id.values()):
                if not future.is_done():
                    answer = beam_fn_api_pb2.InstructionResponse(error=reason)
                    answer.instruction_id = future.instruction_id
                    future.set(answer)
