"""The figures of prepare.py as the Markdown tables of docs/speed.md.

Command: python benchmarks/prepare_tables.py     (from the last results, measuring nothing)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from processes import HERE

from lfsr_tf.storage import read_json

_GB = 1e9


def markdown(report: Mapping[str, Any]) -> str:
    """All tables that the report has figures for."""
    makers = {
        "growth": _growth,
        "workers": _workers,
        "degradation": _degradation,
        "records": _records,
        "beam": _beam,
    }
    return "\n\n".join(make(report[name]) for name, make in makers.items() if name in report)


def _growth(part: Mapping[str, Any]) -> str:
    head = ["slices", "pairs", "s", "ms a slice", "slices/s", "pairs/s", "peak MiB", "GB of records"]
    rows = [
        [
            f"{row['slices']:,}",
            f"{row['pairs']:,}",
            f"{row['seconds']:.1f}",
            f"{row['ms_per_slice']:.2f}",
            f"{row['slices_per_s']:.0f}",
            f"{row['pairs_per_s']:,.0f}",
            f"{row['peak_mib']:,.0f}",
            f"{row['records_bytes'] / _GB:.2f}",
        ]
        for row in part["rows"]
    ]
    return _table(head, rows) + (
        f"\n\nStart-up, {part['start_up_s']:.1f} s, is in the seconds and not in the times of a slice. A "
        "line through the first and the last row misses none of the seconds by more than "
        f"{part['off_the_line']:.0%}."
    )


def _workers(part: Mapping[str, Any]) -> str:
    rows = [
        [
            str(row["workers"]),
            f"{row['seconds']:.1f}",
            f"{row['slices_per_s']:.0f}",
            f"{row['peak_mib']:,.0f}",
        ]
        for row in part["rows"]
    ]
    return _table([f"workers, {part['rows'][0]['slices']:,} slices", "s", "slices/s", "peak MiB"], rows) + (
        f"\n\nA second worker makes it {part['speedup']:.2f} times as fast, "
        f"{part['speedup_without_start_up']:.2f} times without start-up."
    )


def _degradation(part: Mapping[str, Any]) -> str:
    rows = [[name, f"{rate:,.0f}", f"{part['lfsr_tf'] / rate:.2f}"] for name, rate in part.items()]
    return _table(["128 → 64 with noise", "slices/s", "lfsr_tf over it"], rows)


def _records(part: Mapping[str, Any]) -> str:
    return _compared(part, part["lfsr_tf"])


def _beam(part: Mapping[str, Any]) -> str:
    return _compared({f"Beam, {row['slices']:,} slices": row for row in part["rows"]}, None)


def _compared(peers: Mapping[str, Mapping[str, Any]], ours: Mapping[str, Any] | None) -> str:
    head = ["to records", "s", "of it start-up", "pairs/s", "lfsr_tf over it", "peak MiB", "GB"]
    rows = [
        [
            name,
            f"{row['seconds']:.1f}",
            f"{row['start_up_s']:.1f}",
            f"{row['pairs_per_s']:,.0f}",
            f"{ours['pairs_per_s'] / row['pairs_per_s']:.2f}" if ours else "–",
            f"{row['peak_mib']:,.0f}",
            f"{row['records_bytes'] / _GB:.3f}",
        ]
        for name, row in peers.items()
    ]
    return _table(head, rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    print(markdown(read_json(HERE / "results" / "prepare.json")))


if __name__ == "__main__":
    main()
