"""Time and memory of a step, alike in every framework: with nothing but the standard library."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import NamedTuple

BUDGET_S = 15.0
MOST = 30


class Timing(NamedTuple):
    """The fastest of several calls, since other programs can only slow a call down; and their memory."""

    seconds: float
    cpu_seconds: float
    added_mib: float


def measure(step: Callable[[], object]) -> Timing:
    """Call once to warm up, then for fifteen seconds; keep the least wall and the least CPU time.

    Of the memory, what the process's peak rises by: the framework and the weights are there before.
    """
    before = peak_rss_mib()
    step()
    walls: list[float] = []
    cpus: list[float] = []
    start = time.perf_counter()
    while len(walls) < MOST and time.perf_counter() - start < BUDGET_S:
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return Timing(min(walls), min(cpus), peak_rss_mib() - before)


def peak_rss_mib() -> float:
    """Most memory this process has held, in MiB, the framework itself included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
