"""`lfsr prepare` on ever more slices, and on one worker: the parts of prepare.py that have no peer."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from prepare_scans import SLICES_PER_SCAN, first_scans, make_scans
from watched import Run, folder_bytes, repeated, watched

PAIRS_PER_SLICE, WORKERS, REPEATS, TURNS = 40, 2, 5, 3
# So few that a run over them is start-up and little else; one scan a worker.
FEW_SCANS, FEW_SLICES = 2, 25
# Runs of seconds, beside a start-up of ten that varies by one, are repeated, and the fastest counts.
SHORT = 2000


class Scans:
    """Phantom scans for all measurements, made once; every part of them is a folder of links.

    Args:
        folder: Where they go.
        slices: Most slices that a measurement takes.
    """

    def __init__(self, folder: Path, slices: int) -> None:
        self._all, self._few, self._folder = folder / "all", folder / "few", folder
        make_scans(self._all, slices // SLICES_PER_SCAN)
        make_scans(self._few, FEW_SCANS, FEW_SLICES)

    def few(self) -> Path:
        """Two scans of 25 slices."""
        return self._few

    def of(self, slices: int) -> Path:
        """The first scans with so many slices together."""
        part = self._folder / f"scans-{slices}"
        return part if part.is_dir() else first_scans(self._all, part, slices)

    def room(self, name: str) -> Path:
        """A place beside the scans, on the same disk."""
        return self._folder / name


def cleared(room: Path) -> Path:
    """The same place without what an earlier run left there."""
    shutil.rmtree(room, ignore_errors=True)
    return room


def prepare(scans: Path, slices: int, records: Path, workers: int = WORKERS) -> Run:
    """`lfsr prepare` with the paper's preset: every slice once, 40 pairs each, none for validation."""
    options = {
        "--preset": "paper",
        "--noise-copies": 1,
        "--train-pairs": PAIRS_PER_SLICE * slices,
        "--validation-pairs": 0,
        "--validation-fraction": 0,
        "--workers": workers,
        "--output": cleared(records),
    }
    words = [word for option in options.items() for word in option]
    return watched([[sys.executable, "-m", "lfsr_tf", "prepare", scans, *words]])


def start_up(scans: Scans, workers: int = WORKERS) -> float:
    """Seconds of `lfsr prepare` before it works, imports and tracing: those of two scans of 25 slices."""
    records = scans.room("records")
    return repeated(REPEATS, lambda: prepare(scans.few(), FEW_SCANS * FEW_SLICES, records, workers)).seconds


def size(scans: Scans, slices: int, workers: int = WORKERS) -> dict[str, Any]:
    """One row: what so many slices take."""
    records, part = scans.room("records"), scans.of(slices)
    print(f"preparing {slices:,} slices with {workers} workers", flush=True)
    run = repeated(REPEATS if slices <= SHORT else 1, lambda: prepare(part, slices, records, workers))
    row = {"slices": slices, "pairs": PAIRS_PER_SLICE * slices, "workers": workers, **run.to_json()}
    row["records_bytes"], row["scans_bytes"] = folder_bytes(records), folder_bytes(part)
    cleared(records)
    return row


def growth(scans: Scans, sizes: list[int]) -> dict[str, Any]:
    """Rows for all sizes, with the start-up that is taken off before a time is divided by slices."""
    began = start_up(scans)
    rows = [with_rates(size(scans, slices), began) for slices in sizes]
    return {"start_up_s": began, "rows": rows, "off_the_line": off_the_line(rows)}


def off_the_line(rows: list[dict[str, Any]]) -> float:
    """How far the seconds of any size are from a line through those of the smallest and of the largest."""
    first, last = rows[0], rows[-1]
    ends = [first["slices"], last["slices"]], [first["seconds"], last["seconds"]]
    return max(abs(row["seconds"] / float(np.interp(row["slices"], *ends)) - 1) for row in rows)


def with_rates(row: dict[str, Any], start_up_s: float) -> dict[str, Any]:
    """A row with its rates, start-up apart and start-up included."""
    # What start-up was measured with is work as well.
    slices = row["slices"] - FEW_SCANS * FEW_SLICES
    working = row["seconds"] - start_up_s
    return row | {
        "ms_per_slice": 1e3 * working / slices,
        "slices_per_s": slices / working,
        "pairs_per_s": PAIRS_PER_SLICE * slices / working,
        "pairs_per_s_with_start_up": row["pairs"] / row["seconds"],
    }


def second_worker(scans: Scans, slices: int) -> dict[str, Any]:
    """One worker and two on the same slices, in turns: a virtual machine has fast and slow minutes."""
    turns = [[size(scans, slices, workers) for workers in (1, 2)] for _ in range(TURNS)]
    one, two = (
        with_rates(min(rows, key=lambda row: row["seconds"]), start_up(scans, rows[0]["workers"]))
        for rows in zip(*turns, strict=True)
    )
    return {
        "rows": [one, two],
        "speedup": one["seconds"] / two["seconds"],
        "speedup_without_start_up": one["ms_per_slice"] / two["ms_per_slice"],
    }
