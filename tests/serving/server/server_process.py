"""A model server in a process of its own: `python server_process.py FOLDER LIMITS`, with LIMITS as JSON.

It writes its two ports on a line, and its log to the standard error, until its standard input is closed.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

REPOSITORY = Path(__file__).resolve().parents[3]


class ServerProcess:
    """Starts one, and tells of its memory and its log."""

    def __init__(self, folder: Path, log: Path, **limits: float) -> None:
        self._log_file = log
        command = [sys.executable, "-P", str(Path(__file__)), str(folder), json.dumps(limits)]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(REPOSITORY)}
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream, env=environment
            )
        line = _pipe(self._process.stdout).readline().split()
        assert len(line) == 2, log.read_text()
        self.grpc_port, self.rest_port = map(int, line)
        self.url = f"http://127.0.0.1:{self.rest_port}"

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End it: in good order, and with a log of lines."""
        status = self._stop()
        if kind is None:
            log = self._log_file.read_text()
            assert status == 0, log
            assert "Traceback" not in log

    @property
    def mebibytes(self) -> float:
        """The most memory that it has had since the last `forget_peak`."""
        status = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        (row,) = [line for line in status if line.startswith("VmHWM")]
        return int(row.split()[1]) / 1024

    def forget_peak(self) -> None:
        """Start the measurement of memory anew."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def log(self) -> list[str]:
        """Lines of its own log and of those of its libraries."""
        return [line for line in self._log_file.read_text().splitlines() if line.startswith(LEVELS)]

    def _stop(self) -> int:
        _pipe(self._process.stdin).close()
        _pipe(self._process.stdout).close()
        return self._process.wait(30.0)


LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def _pipe(stream: IO[Any] | None) -> IO[Any]:
    assert stream is not None
    return stream


def main(folder: str, limits: str) -> None:
    """Serve until the standard input ends."""
    from lfsr_tf.serving.server.model_server import ModelServer
    from lfsr_tf.serving.server.options import Limits, ModelSource, ServerOptions

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    sources = (ModelSource("lfsr", Path(folder)),)
    options = ServerOptions(
        sources, grpc_port=0, rest_port=0, poll_seconds=0.1, limits=Limits(**json.loads(limits))
    )
    with ModelServer(options) as server:
        print(server.grpc_port, server.rest_port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
