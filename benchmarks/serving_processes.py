"""The server, and the same model without one, as processes that stay while they are measured in turn.

Commands: python benchmarks/serving_processes.py server|baseline FOLDER
Both print a line of JSON when they are ready and end with their standard input. The baseline then reads
lines with a batch, a concurrency and seconds, and answers each with a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from processes import HERE, variables
from serving_load import AnswerError, drive
from serving_model import BATCHES, NAME

TICKS = os.sysconf("SC_CLK_TCK")


class Child:
    """One of the two, from entering a `with` block to leaving it.

    Attributes:
        ready: What it said when it was ready.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        command = [sys.executable, str(HERE / "serving_processes.py"), kind, str(folder)]
        self._kind = kind
        # A file, since a pipe that nobody reads stops whoever writes to it.
        self._log = folder / f"{kind}.log"
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=variables()
            )
        self.ready = self._answer()

    def ask(self, *words: object) -> dict[str, Any]:
        """Write a line and wait for the answer."""
        assert self._process.stdin is not None
        print(*words, file=self._process.stdin, flush=True)
        return self._answer()

    def cpu_seconds(self) -> float:
        """Processor time it has used (proc(5): utime and stime)."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss_mib(self) -> float:
        """Memory that it holds now."""
        return int(self._proc("status").partition("VmRSS:")[2].split()[0]) / 1024

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def _proc(self, name: str) -> str:
        if self._process.poll() is not None:
            raise self._ended()
        return Path(f"/proc/{self._process.pid}/{name}").read_text(encoding="utf-8")

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        if line := self._process.stdout.readline():
            return json.loads(line)
        raise self._ended()

    def _ended(self) -> SystemExit:
        code = self._process.wait()
        log = self._log.read_text(encoding="utf-8")
        return SystemExit(f"The {self._kind} ended early with exit status {code}:\n{log}")


def serve(folder: Path) -> None:
    """Serve the model with the server's defaults on free ports, until the standard input ends."""
    from lfsr_tf.serving.server.model_server import ModelServer
    from lfsr_tf.serving.server.options import ModelSource, ServerOptions

    source = ModelSource(NAME, folder / "models" / NAME)
    with ModelServer(ServerOptions((source,), grpc_port=0, rest_port=0)) as server:
        say({"grpc_port": server.grpc_port, "rest_port": server.rest_port})
        sys.stdin.read()


def answer_without_server(folder: Path) -> None:
    """Call the model as the server does, with the arrays that it takes out of the same requests."""
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    from lfsr_tf.serving.predict_request import inputs_of
    from lfsr_tf.serving.server.models.servable import Servable

    # As many as the benchmark asks for, without a gate before them.
    servable, calls = Servable(folder / "models" / NAME / "1", at_once=16), {}
    for batch in BATCHES:
        body = (folder / "requests" / f"{batch}.message").read_bytes()
        calls[batch] = checked_call(servable, inputs_of(PredictRequest.FromString(body)))
    say({})
    for line in sys.stdin:
        batch, concurrency, seconds = line.split()
        say(drive(calls[int(batch)], int(concurrency), float(seconds), (AnswerError,)))


def checked_call(servable: Any, inputs: dict[str, Any]) -> Callable[[], None]:
    """A call of the model that compares the answer with the first one."""
    import numpy as np

    expected = servable.predict("", inputs)["sr"]

    def call() -> None:
        if not np.array_equal(servable.predict("", inputs)["sr"], expected):
            raise AnswerError

    return call


def say(answer: dict[str, Any]) -> None:
    """One line of JSON."""
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    {"server": serve, "baseline": answer_without_server}[sys.argv[1]](Path(sys.argv[2]))
