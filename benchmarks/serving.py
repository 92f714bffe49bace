"""The model server under load, beside the same SavedModel called without one.

Command: python benchmarks/serving.py          (half an hour on two idle cores; needs apt-get install hey)
         python benchmarks/serving.py --soak   (ten minutes at saturation, for the server's memory)
A network of 2.2 G multiply-adds a slice of 64 x 64 in float32. Requests of 1 and of 4 slices, 1, 4 and 16 of
them at once: over gRPC, over REST with the same messages, with JSON, and with PNG files in JSON. Without a
server as many threads call the model. The rounds alternate, and each way is compared with the rounds beside
its own. The client runs on the cores that the model needs: its processor time is shown and not taken off.
Prints tables in Markdown and writes benchmarks/results/serving.json or serving_soak.json.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from processes import HERE, in_process, machine, write_report
from serving_hey import require_hey
from serving_model import BATCHES, SIDE
from serving_processes import Child
from serving_rounds import Plan, run
from serving_soak import print_soak, soak
from serving_ways import GRPC, WAYS

RESULTS = HERE / "results"
CONCURRENCIES, ROUNDS, ROUND_S, SOAK_S = (1, 4, 16), 3, 10.0, 600.0
LOAD_BEFORE = os.getloadavg()[0]
COLUMNS = (
    *("batch", "at once", "way", "requests, 1/s", "least – most", "of the model alone", "least – most"),
    *("of its best", "ms: median", "95 %", "99 %", "CPU ms: server", "client", "failed"),
)


def compare(plan: Plan) -> dict[str, Any]:
    """Every way at every batch and concurrency."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = in_process(sys.executable, "serving_model.py", folder)
        with Child("server", folder) as server, Child("baseline", folder) as baseline:
            rows = run(plan, server, baseline, folder)
    return {
        "machine": machine(LOAD_BEFORE),
        "model": model,
        "side": SIDE,
        "rounds": plan.rounds,
        "seconds_a_round": plan.seconds,
        "rows": rows,
    }


def saturate(seconds: float) -> dict[str, Any]:
    """The server alone, for its memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = in_process(sys.executable, "serving_model.py", folder)
        with Child("server", folder) as server:
            found = soak(server, folder, seconds)
    return {"machine": machine(LOAD_BEFORE), "model": model, "side": SIDE, "soak": found}


def print_table(report: dict[str, Any]) -> None:
    """A row for each way, in Markdown; the ratio is the median of those of the rounds side by side."""
    model, host = report["model"], report["machine"]
    work = f"{model['network']}, {model['multiply_adds'] / 1e9:.2f} G multiply-adds a slice"
    print(f"\n{work}, {host['processor']}, {host['cores']} cores for server and client together\n")
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for row in report["rows"]:
        print(f"| {' | '.join(cells_of(row))} |")
    for row in report["rows"]:
        for reason, count in row["failures"].items():
            print(
                f"\n{row['way']}, {row['batch']} slices, {row['concurrency']} at once: {count} times {reason}"
            )


def cells_of(row: dict[str, Any]) -> list[str]:
    """What stands in one row."""
    ratios = row.get("ratios", [])
    return [
        str(row["batch"]),
        str(row["concurrency"]),
        row["way"],
        *_median_and_range(row["rates"], 1),
        *_median_and_range(ratios, 2),
        f"{row['of_best']:.2f}",
        *(_number(value, 1) for value in row["latency_ms"].values()),
        _number(row["server_cpu_ms"], 1),
        _number(row["client_cpu_ms"], 2),
        str(sum(row["failures"].values())),
    ]


def _median_and_range(values: list[float], digits: int) -> tuple[str, str]:
    if not values:
        return "–", "–"
    return f"{statistics.median(values):.{digits}f}", f"{min(values):.{digits}f} – {max(values):.{digits}f}"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--way", action="append", choices=list(WAYS), help="this one alone; may be given again"
    )
    parser.add_argument("--batch", action="append", type=int, choices=BATCHES, help="likewise")
    parser.add_argument("--concurrency", action="append", type=int, help="likewise")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=ROUND_S, help="of a round")
    parser.add_argument("--soak", type=float, nargs="?", const=SOAK_S, metavar="SECONDS")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    ways = given.way or list(WAYS)
    if given.soak or set(ways) != {GRPC}:
        require_hey()
    if given.soak:
        report, output = saturate(given.soak), given.output or RESULTS / "serving_soak.json"
        print_soak(report)
    else:
        concurrencies = given.concurrency or list(CONCURRENCIES)
        plan = Plan(ways, given.batch or list(BATCHES), concurrencies, given.rounds, given.seconds)
        report, output = compare(plan), given.output or RESULTS / "serving.json"
        print_table(report)
    write_report(report, output)


if __name__ == "__main__":
    main()
