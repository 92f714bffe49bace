"""Rounds of load with the server and without it in turn, so that a drift of the machine cancels out."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving_processes import Child
from serving_ways import drive_server

WARM_UP_S = 1.0
Round = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        ways: To the server.
        batches: Slices in a request.
        concurrencies: Requests under way at once.
        rounds: Of each way, and as many without the server beside them.
        seconds: Of a round.
    """

    ways: list[str]
    batches: list[int]
    concurrencies: list[int]
    rounds: int
    seconds: float


def run(plan: Plan, server: Child, baseline: Child, folder: Path) -> list[dict[str, Any]]:
    """A row for each batch, concurrency and way, the model in this process's like first."""
    rows = []
    for batch in plan.batches:
        of_batch = []
        for concurrency in plan.concurrencies:
            print(f"measuring batches of {batch}, {concurrency} at once", flush=True)
            of_batch += rows_of(plan, server, baseline, folder, batch, concurrency)
        best = max(statistics.median(row["rates"]) for row in of_batch if row["way"] == "in process")
        rows += [row | {"of_best": statistics.median(row["rates"]) / best} for row in of_batch]
    return rows


def rows_of(
    plan: Plan, server: Child, baseline: Child, folder: Path, batch: int, concurrency: int
) -> list[dict[str, Any]]:
    """The model without a server, then every way to it."""
    without, rows = [], []
    for way in plan.ways:

        def served(seconds: float, way: str = way) -> Round:
            return drive_server(way, server, folder, batch, concurrency, seconds)

        def unserved(seconds: float) -> Round:
            return baseline.ask(batch, concurrency, seconds)

        served(WARM_UP_S), unserved(WARM_UP_S)
        pairs = []
        for number in range(plan.rounds):
            # A B, B A, A B
            turns = (unserved, served) if number % 2 == 0 else (served, unserved)
            done = {turn: turn(plan.seconds) for turn in turns}
            pairs.append((done[unserved], done[served]))
        without += [before for before, _ in pairs]
        ratios = [with_server["rate"] / alone["rate"] for alone, with_server in pairs]
        rows.append(row_of(way, batch, concurrency, [after for _, after in pairs]) | {"ratios": ratios})
    return [row_of("in process", batch, concurrency, without), *rows]


def row_of(way: str, batch: int, concurrency: int, rounds: list[Round]) -> dict[str, Any]:
    """Rates of all rounds, and medians of the rest; without a server the client is the model itself."""
    failures: Counter[str] = Counter()
    for each in rounds:
        failures.update(each["failures"])
    return {
        "way": way,
        "batch": batch,
        "concurrency": concurrency,
        "rates": [each["rate"] for each in rounds],
        "latency_ms": {
            share: _median([each["latency_ms"][share] for each in rounds]) for share in ("50", "95", "99")
        },
        "client_cpu_ms": _median([_per_answer(each, "cpu_seconds") for each in rounds]),
        "server_cpu_ms": _median([_per_answer(each, "server_cpu_seconds") for each in rounds]),
        "failures": dict(failures),
    }


def _per_answer(each: Round, key: str) -> float | None:
    return 1e3 * each[key] / each["answered"] if key in each and each["answered"] else None


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
