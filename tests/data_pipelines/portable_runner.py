"""Beam's own portable job service with worker processes, to run pipelines on as on a cluster.

    with portable_service(workers=2) as options:
        with beam.Pipeline(options=PipelineOptions(options)) as pipeline:
            ...

Functions of a test module are pickled by name: the workers find the repository on their path. Beam's
service gives a job a single worker whatever its options say, because only its DirectRunner reads
`direct_num_workers`; started by `python -m tests.data_pipelines.portable_runner MODULE ARGUMENTS` it reads
it too. What is started so listens on the loopback interface alone, and ends with whoever started it.
"""

import logging
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.runners.portability.fn_api_runner import fn_runner

from data_pipelines.running.loopback import servers_on_loopback

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS_TO_START = 180
SECONDS_TO_END = 15


@contextmanager
def portable_service(workers: int = 2) -> Iterator[list[str]]:
    """Start a job service and a pool of workers on the loopback interface; both end with the block.

    Args:
        workers: Processes that the elements of a pipeline are divided among.

    Yields:
        The options of a pipeline that runs there.

    Raises:
        RuntimeError: One of the two does not start; with what it wrote.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="beam-service-")))
        port_file = folder / "port"
        service = ("apache_beam.runners.portability.local_job_service_main", f"--port_file={port_file}")
        stack.enter_context(_program(folder / "service.log", port_file.exists, *service))
        pool_port = _free_port()
        pool = ("apache_beam.runners.worker.worker_pool_main", f"--service_port={pool_port}")
        stack.enter_context(_program(folder / "pool.log", lambda: _listens(pool_port), *pool))
        yield [
            "--runner=PortableRunner",
            f"--job_endpoint=localhost:{port_file.read_text()}",
            "--environment_type=EXTERNAL",
            f"--environment_config=localhost:{pool_port}",
            f"--direct_num_workers={workers}",
        ]


@contextmanager
def _program(log: Path, started: Callable[[], bool], *arguments: str) -> Iterator[None]:
    """One of Beam's programs with its workers, from when it has started to the end of the block."""
    # The pool starts its workers as plain `python`.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(REPOSITORY)}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, *arguments],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=stream,
            env=environment,
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while not started():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{arguments[0]} did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.1)
        yield
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask for an end, then make sure of it; workers are in the program's process group."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    assert process.stdin is not None
    process.stdin.close()


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class _SeveralWorkers(fn_runner.FnApiRunner):
    """Beam's local runner with as many workers as the pipeline asks for."""

    def run_via_runner_api(self, pipeline_proto: Any, options: PipelineOptions) -> Any:
        self._num_workers = int(options.view_as(DirectOptions).direct_num_workers)
        return super().run_via_runner_api(pipeline_proto, options)


def main() -> None:
    """Run the module named by the first argument as a program, until it is interrupted."""
    # What is started in the background of a shell ignores interrupts, and hands that on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.basicConfig(level=logging.INFO)
    del sys.argv[0]
    several_workers = mock.patch.object(fn_runner, "FnApiRunner", _SeveralWorkers)
    with servers_on_loopback(), several_workers, suppress(KeyboardInterrupt):
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    """End the program and its workers when standard input is closed: whoever started it is gone."""
    sys.stdin.buffer.read()
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
