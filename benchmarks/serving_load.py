"""Load: threads that call something again and again; as a program, a gRPC client.

Command: python benchmarks/serving_load.py TARGET BODY CONCURRENCY SECONDS
The client and the server share the machine, so the client does as little as it can: the request is serialised
before, the answers are not parsed, and nothing but grpc is imported.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

METHOD = "/tensorflow.serving.PredictionService/Predict"
PERCENTILES = (50, 95, 99)
CONNECT_S, REQUEST_S = 10, 60


class AnswerError(Exception):
    """An answer that differs from the first one to the same request: the calls disturb each other."""

    def __str__(self) -> str:
        return "another answer than the first"


def drive(
    call: Callable[[], object], concurrency: int, seconds: float, failure: tuple[type[Exception], ...] = ()
) -> dict[str, Any]:
    """Call from several threads for some time, each of them again as soon as it is answered.

    Args:
        call: What is called.
        concurrency: Number of threads.
        seconds: After these no call is begun; those under way are waited for.
        failure: Exceptions that count as a failed call; others end the measurement.

    Returns:
        See `summary`, with the processor time of this process.
    """
    latencies: list[float] = []
    failures: list[str] = []

    def work(end: float) -> None:
        while (begun := time.perf_counter()) < end:
            try:
                call()
            except failure as error:
                failures.append(_reason(error))
            else:
                latencies.append(time.perf_counter() - begun)

    cpu, start = time.process_time(), time.perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        for worker in [pool.submit(work, start + seconds) for _ in range(concurrency)]:
            worker.result()
    taken = time.perf_counter() - start
    reasons = {reason: failures.count(reason) for reason in set(failures)}
    return summary(latencies, reasons, taken) | {"cpu_seconds": time.process_time() - cpu}


def _reason(error: Exception) -> str:
    """The status of a failed gRPC call, whose text has times in it; or what the error says."""
    return error.code().name if hasattr(error, "code") else str(error)


def summary(latencies: Sequence[float], failures: dict[str, int], seconds: float) -> dict[str, Any]:
    """Calls answered, those failed by their reasons, calls a second, and percentiles of the latency in ms."""
    ordered = sorted(latencies)
    ranks = {share: math.ceil(share / 100 * len(ordered)) - 1 for share in PERCENTILES}
    return {
        "answered": len(ordered),
        "failures": failures,
        "rate": len(ordered) / seconds,
        "latency_ms": {str(share): 1e3 * ordered[rank] if ordered else None for share, rank in ranks.items()},
    }


def drive_grpc(target: str, body: bytes, concurrency: int, seconds: float) -> dict[str, Any]:
    """Send the same request again and again over one channel."""
    import grpc

    with grpc.insecure_channel(target) as channel:
        grpc.channel_ready_future(channel).result(CONNECT_S)
        # Without serialisers grpc takes and gives bytes.
        predict = channel.unary_unary(METHOD)
        expected = predict(body, timeout=REQUEST_S)

        def call() -> None:
            if predict(body, timeout=REQUEST_S) != expected:
                raise AnswerError

        return drive(call, concurrency, seconds, (grpc.RpcError, AnswerError))


if __name__ == "__main__":
    TARGET, BODY, CONCURRENCY, SECONDS = sys.argv[1:]
    print(json.dumps(drive_grpc(TARGET, Path(BODY).read_bytes(), int(CONCURRENCY), float(SECONDS))))
