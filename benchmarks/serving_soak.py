"""A served model at saturation for minutes: whether its memory stays flat and every request is answered."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from serving_processes import Child
from serving_ways import GRPC, REST, drive_server

CONCURRENCY, BATCH = 16, 1
WARM_UP_S, WINDOW_S, SAMPLE_S = 30.0, 60.0, 5.0
MOST_GROWTH = 0.05
Samples = list[tuple[float, float]]


def soak(server: Child, folder: Path, seconds: float) -> dict[str, Any]:
    """Load the server by gRPC and REST at once, half each, and sample its memory."""
    with ThreadPoolExecutor(2) as pool:
        loads = {
            way: pool.submit(drive_server, way, server, folder, BATCH, CONCURRENCY // 2, seconds)
            for way in (GRPC, REST)
        }
        samples = sample(server, list(loads.values()), min(SAMPLE_S, seconds / 20))
        found = {way: load.result() for way, load in loads.items()}
    for result in found.values():
        del result["server_cpu_seconds"]  # of both together
    return {
        "seconds": seconds,
        "concurrency": CONCURRENCY,
        "batch": BATCH,
        "loads": found,
        "failed": sum(sum(result["failures"].values()) for result in found.values()),
        **growth(samples, seconds),
        "rss_mib": [[round(at, 1), round(rss, 1)] for at, rss in samples],
    }


def sample(server: Child, loads: list[Future[dict[str, Any]]], every: float) -> Samples:
    """Seconds since the start, and MiB, until the loads have ended."""
    start, samples = time.perf_counter(), []
    while wait(loads, timeout=every).not_done:
        samples.append((time.perf_counter() - start, server.rss_mib()))
    return samples


def growth(samples: Samples, seconds: float) -> dict[str, float]:
    """Medians of the first minute after the warm-up and of the last minute, and how much larger this is.

    In short runs the warm-up is a twentieth of the time, and a minute at most a third of the rest.
    """
    warm = min(WARM_UP_S, seconds / 20)
    window = min(WINDOW_S, (seconds - warm) / 3)
    first = statistics.median(rss for at, rss in samples if warm <= at <= warm + window)
    last = statistics.median(rss for at, rss in samples if seconds - window <= at <= seconds)
    return {"first_mib": first, "last_mib": last, "growth": last / first - 1}


def print_soak(report: dict[str, Any]) -> None:
    """A table in Markdown, and a sentence."""
    found = report["soak"]
    processor = report["machine"]["processor"]
    print(f"\n{found['concurrency']} requests at once for {found['seconds']:g} s, {processor}\n")
    print("| way | answered | failed | 1/s | ms: median | 95 % | 99 % |\n|---|---|---|---|---|---|---|")
    for way, load in found["loads"].items():
        latencies = [f"{value:.1f}" if value else "–" for value in load["latency_ms"].values()]
        failed = sum(load["failures"].values())
        cells = [way, f"{load['answered']:,}", failed, f"{load['rate']:.1f}", *latencies]
        print(f"| {' | '.join(map(str, cells))} |")
    verdict = "flat" if found["growth"] < MOST_GROWTH else "it grew"
    print(
        f"\nMemory of the server: {found['first_mib']:.0f} MiB in the first minute, "
        f"{found['last_mib']:.0f} MiB in the last: {100 * found['growth']:+.1f} % ({verdict}). "
        f"Failed requests: {found['failed']}."
    )
    for way, load in found["loads"].items():
        for reason, count in load["failures"].items():
            print(f"{way}: {count} times {reason}")
