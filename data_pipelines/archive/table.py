"""The table of all sidecars and the list of failures: sorted, without times, the same for the same scans.

The figures are read from the sidecars on disk, whether this run wrote them or an earlier one.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_pipelines.archive.settings import FAILED, PARQUET, TABLE, ArchiveSettings, Outcome, Task
from lfsr_tf.errors import OutputError
from lfsr_tf.placing import TEMPORARY_PREFIX, remove
from lfsr_tf.storage import atomic_path, read_json

Value = str | int | float | bool | None

_FAILURE_COLUMNS = ["source", "error"]
# Those of the first version: by them a table is known.
_OWN_COLUMNS = 4
# Files beside a sidecar, which names them.
_FILES = ("output", "error_map")
_SIDES = ("0", "1")
_RINGS = 8

COLUMNS: dict[str, type] = {
    "source": str,
    "sha256": str,
    "volume": int,
    "output": str,
    "error_map": str,
    "contrast": str,
    "image": str,
    "model.name": str,
    "model.version": int,
    "model.network": str,
    "model.scale": int,
    "model.dtype": str,
    "offset": float,
    "reference_intensity": float,
    "noise.sigma": float,
    "noise.sigma_relative": float,
    "noise.method": str,
    "noise.reason": str,
    "noise.coils": int,
    "noise.coils_effective": float,
    "noise.told": float,
    **{f"noise.training_range.{side}": float for side in _SIDES},
    "noise.in_training_range": bool,
    **{f"spacing.{what}.{side}": float for what in ("file", "network_input", "output") for side in _SIDES},
    **{f"spacing.training_range.{side}": float for side in _SIDES},
    "spacing.in_training_range": bool,
    **{f"matrix.{what}.{side}": int for what in ("stored", "used") for side in _SIDES},
    "matrix.source": str,
    "matrix.exact": bool,
    **{f"spectrum.{side}.{what}": int for side in _SIDES for what in ("matrix", "occupied")},
    **{f"spectrum.{side}.rule": str for side in _SIDES},
    **{f"consistency.{ring}.samples": int for ring in range(_RINGS)},
    **{f"consistency.{ring}.chi_square": float for ring in range(_RINGS)},
    **{f"consistency.{ring}.relative_difference": float for ring in range(_RINGS)},
    "views": int,
    "tiles": int,
    "warnings": str,
}
"""Columns of the table and the types of their values, any of which may be missing.

Files are named relative to the output folder. From the sixth on the names are places in a volume's part of a
sidecar: `noise.sigma`, `spacing.file.0`.
"""


def rows_of(settings: ArchiveSettings, task: Task) -> tuple[dict[str, Value], ...]:
    """A scan's rows, one an enhanced volume, from its sidecar.

    Raises:
        LfsrError: There is no sidecar.
    """
    path = settings.target(task).with_name(f"{settings.target(task).name}.json")
    sidecar = read_json(path)
    rows = []
    for number, volume in enumerate(sidecar["volumes"], 1):
        own = {
            "source": task.name,
            "sha256": scan_digest(sidecar["input"]["sha256"]),
            "volume": number,
            **{name: _place(path.parent, volume.get(name), settings) for name in _FILES},
        }
        figures = {name: _figure(volume, name) for name in COLUMNS if name not in own}
        rows.append({**own, **figures})
    return tuple(rows)


def _place(folder: Path, name: str | None, settings: ArchiveSettings) -> str | None:
    return None if name is None else (folder / name).relative_to(settings.output).as_posix()


def scan_digest(hashes: Mapping[str, str]) -> str:
    """SHA-256 of a scan: of its file, or of the names and hashes of the files of a series."""
    if len(hashes) == 1:
        return next(iter(hashes.values()))
    return hashlib.sha256(json.dumps(dict(hashes), sort_keys=True).encode()).hexdigest()


def _figure(volume: Any, name: str) -> Value:
    value = volume
    for part in name.split("."):
        if value is None:
            return None
        # Sidecars of an earlier version have fewer figures.
        value = value[int(part)] if part.isdecimal() else value.get(part)
    return " ".join(value) if name == "warnings" else value


def remove_reports(settings: ArchiveSettings) -> None:
    """Remove the table and the list of failures of an earlier run.

    Raises:
        OutputError: A file of one of their names is somebody else's; nothing was removed.
    """
    paths = [settings.output / name for name in (FAILED, TABLE, PARQUET)]
    for path in paths:
        if path.exists() and not _is_report(path):
            raise OutputError(
                f"Expected a place for the table of this run. Received: {path}, which this command did not "
                "write. Move it, or choose another output folder."
            )
    for path in paths:
        remove(path)


def remove_unfinished_reports(settings: ArchiveSettings) -> None:
    """Remove what a killed run has left half-written of its lists."""
    for leftover in settings.output.glob(f"{TEMPORARY_PREFIX}*"):
        if leftover.name.endswith(("-" + TABLE, "-" + PARQUET, "-" + FAILED)):
            remove(leftover)


def _is_report(path: Path) -> bool:
    """Whether a file has the columns of a report; those of an earlier version may be fewer or more."""
    expected = _FAILURE_COLUMNS if path.name == FAILED else list(COLUMNS)[:_OWN_COLUMNS]
    try:
        if path.name == PARQUET:
            import pyarrow.parquet as pq

            found = list(pq.read_schema(path).names)
        else:
            with path.open(encoding="utf-8", newline="") as stream:
                found = next(csv.reader(stream), [])
    except (OSError, ValueError, csv.Error):  # pyarrow's errors are ValueErrors
        return False
    return found[: len(expected)] == expected


def write_reports(outcomes: Iterable[Outcome], settings: ArchiveSettings) -> None:
    """Write the table as CSV and Parquet, and the list of failures as CSV.

    Args:
        outcomes: Of every scan, in any order.
        settings: With the output folder.

    Raises:
        OutputError: One of them cannot be written.
    """
    ordered = sorted(outcomes, key=lambda outcome: outcome.name)
    rows = [row for outcome in ordered for row in outcome.rows]
    failures = [{"source": each.name, "error": each.error} for each in ordered if each.error]
    remove_unfinished_reports(settings)
    _write_csv(settings.output / TABLE, list(COLUMNS), rows)
    _write_parquet(settings.output / PARQUET, rows)
    # Last: whoever finds the list finds the tables, too.
    _write_csv(settings.output / FAILED, _FAILURE_COLUMNS, failures)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Value]]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_parquet(path: Path, rows: list[dict[str, Value]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
    # Opened here: pyarrow takes a path for UTF-8.
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), stream)
