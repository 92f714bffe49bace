"""Programs that run beside each other, and what they take together: time, processors, memory."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from processes import HERE, cpu_of_children, variables

# Listing the processes of a machine takes milliseconds, reading the memory of a few of them none.
_SAMPLE_S, _SAMPLES_A_LISTING = 0.1, 10


@dataclass(frozen=True)
class Run:
    """What programs took from the start of the first to the end of the last.

    Attributes:
        seconds: Wall time.
        cpu_seconds: Processor time of all their processes.
        peak_mib: Most resident memory of all their processes at one time; pages that they share count once
            for each.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float

    def to_json(self) -> dict[str, float]:
        """The figures by name."""
        return asdict(self)


def watched(commands: Sequence[Sequence[object]], *folders: Path) -> Run:
    """Run programs at the same time, one TensorFlow, OpenMP and PyTorch thread in each of their processes.

    Args:
        commands: The programs.
        *folders: Put before the package on the path of Python modules.

    Raises:
        SystemExit: One failed; with the end of what it printed.
    """
    began, used = time.monotonic(), cpu_of_children()
    programs = [_start(command, folders) for command in commands]
    peak, seen = 0.0, []
    for number in itertools.count():
        if all(program.poll() is not None for program in programs):
            break
        if number % _SAMPLES_A_LISTING == 0:
            seen = [process for program in programs for process in _with_children(program.pid)]
        peak = max(peak, sum(_resident_mib(process) for process in seen))
        time.sleep(_SAMPLE_S)
    seconds = time.monotonic() - began
    for program in programs:
        _check(program)
    return Run(seconds, cpu_of_children() - used, peak)


def repeated(times: int, work: Callable[[], Run]) -> Run:
    """The fastest run of several: whatever else a machine does only ever slows one."""
    return min((work() for _ in range(times)), key=lambda run: run.seconds)


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def single_threaded(folders: Sequence[Path] = ()) -> dict[str, str]:
    """The environment of a measured program."""
    one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    one |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    path = os.pathsep.join(map(str, (*folders, HERE.parent)))
    return {**variables(), **one, "PYTHONPATH": path}


def _start(command: Sequence[object], folders: Sequence[Path]) -> subprocess.Popen[Any]:
    # Into a file, since a pipe that nobody reads stops whoever writes to it.
    log = (HERE.parent / "build" / f"watched-{time.monotonic_ns()}.log").absolute()
    log.parent.mkdir(exist_ok=True)
    with log.open("w") as stream:
        program = subprocess.Popen(
            [str(word) for word in command], stdout=stream, stderr=stream, env=single_threaded(folders)
        )
    program.log = log  # type: ignore[attr-defined]
    return program


def _check(program: Any) -> None:
    printed = program.log.read_text(errors="replace")
    program.log.unlink()
    if program.returncode:
        raise SystemExit(f"{' '.join(program.args)} failed:\n{printed[-3000:]}")


def _with_children(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _resident_mib(process: psutil.Process) -> float:
    try:
        return process.memory_info().rss / 2**20
    except psutil.NoSuchProcess:
        return 0.0
