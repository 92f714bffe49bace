"""How fast scans become pairs: as they grow to 100,000 slices, and beside NumPy, PyTorch and Beam.

Command: python benchmarks/prepare.py     (35 minutes and 25 GB of disk, two idle cores)
         python benchmarks/prepare.py --sizes 1000 10000     (25 minutes, 5 GB)
         python benchmarks/prepare.py --only growth     (of: degradation, records, beam, growth, workers)
Expected there: time grows linearly to within 15 %, with less than 2 GiB.
Prints the tables of docs/speed.md and writes benchmarks/results/prepare.json, where a part that was left out
keeps its last figures. The first run installs PyTorch into an environment of its own below build/.

Every slice gives 40 pairs of 16 x 16 and 32 x 32, once (the paper's preset without copies). Two processes of
one thread each, whoever it is. Start-up (imports, tracing) is what the same program takes for two scans of 25
slices, the fastest run of several, and rates are those of all further slices; seconds are with it. Making the
scans does not count. Start-up varies by a second: 1,000 slices, which are two seconds' work, tell a rate to
no better than a half, so the peers have 4,000.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import prepare_peers
import prepare_tables
from prepare_growth import Scans, growth, second_worker
from processes import HERE, machine, write_report

from lfsr_tf.storage import read_json, write_json

RESULTS = HERE / "results" / "prepare.json"
SIZES, PEER_SLICES, WORKER_SLICES = (1_000, 10_000, 100_000), 4_000, 10_000
LOAD_BEFORE = os.getloadavg()[0]
# Seconds on two idle Zen 3 cores: for a slice with two workers, and of each part besides its slices.
_SLICE_S = 0.0065
_PART_S = {"degradation": 400, "records": 450, "beam": 70, "growth": 130, "workers": 70}

Figures = dict[str, Any]


def parts(scans: Scans, arguments: argparse.Namespace) -> dict[str, Callable[[], Figures]]:
    """Everything that is measured, by name."""
    torch = prepare_peers.torch_folder()
    return {
        "degradation": lambda: prepare_peers.degraded(scans, torch),
        "records": lambda: prepare_peers.written(scans, PEER_SLICES, torch),
        "beam": lambda: {"rows": [prepare_peers.beam(scans, slices) for slices in arguments.beam_sizes]},
        "growth": lambda: growth(scans, arguments.sizes),
        "workers": lambda: second_worker(scans, arguments.worker_slices),
    }


def measure(arguments: argparse.Namespace) -> Figures:
    """The report: the parts that were asked for, and of the others what an earlier run said."""
    most = max(*arguments.sizes, *arguments.beam_sizes, PEER_SLICES, arguments.worker_slices)
    earlier: Figures = read_json(arguments.output) if arguments.output.exists() else {}
    report = {name: figures for name, figures in earlier.items() if name in _PART_S}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        print(f"making phantom scans with {most:,} slices", flush=True)
        scans = Scans(Path(folder), most)
        for name, part in parts(scans, arguments).items():
            if name in arguments.only:
                report |= {name: part(), "machine": machine(LOAD_BEFORE)}
                # A part that fails does not take the others with it.
                write_json(arguments.output, report)
    return report


def expected_minutes(arguments: argparse.Namespace) -> float:
    """How long it takes on two idle Zen 3 cores."""
    slices = sum(arguments.sizes) * ("growth" in arguments.only)
    slices += 9 * arguments.worker_slices * ("workers" in arguments.only)
    return (slices * _SLICE_S + sum(_PART_S[name] for name in arguments.only)) / 60


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="multiples of 100")
    parser.add_argument("--beam-sizes", type=int, nargs="+", default=[1_000])
    parser.add_argument("--worker-slices", type=int, default=WORKER_SLICES)
    parser.add_argument("--only", nargs="+", choices=_PART_S, default=list(_PART_S))
    parser.add_argument("--folder", type=Path, help="for scans and records; the system's temporary folder")
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    print(f"expected on two idle cores: {expected_minutes(arguments):.0f} minutes", flush=True)
    report = measure(arguments)
    print(prepare_tables.markdown(report))
    write_report(report, arguments.output)


if __name__ == "__main__":
    main()
