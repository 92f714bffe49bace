"""The scans that an evaluation is given: scans, or files and folders that are read when their turn comes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from lfsr_tf.errors import ScanError
from lfsr_tf.pairs.preparing.listing import hash_scan
from lfsr_tf.scans import read_scan
from lfsr_tf.scans.scan import Scan

GivenScan = Scan | Path | str
GivenScans = GivenScan | Iterable[GivenScan]


def named_scans(given: GivenScans) -> dict[str, Scan | Path]:
    """A different name for each scan: its path below their common folder, or subject and contrast.

    Args:
        given: One scan, or several.

    Returns:
        From name to scan, in the order given.
    """
    several = [given] if isinstance(given, GivenScan) else given
    scans = [entry if isinstance(entry, Scan) else Path(entry) for entry in several]
    parents = [str(path.absolute().parent) for path in map(_path, scans) if path is not None]
    root = Path(os.path.commonpath(parents)) if parents else Path()
    named: dict[str, Scan | Path] = {}
    for scan in scans:
        name = own = _name(scan, root)
        number = len(named)
        while name in named:
            number += 1
            name = f"{own} ({number})"
        named[name] = scan
    return named


def opened(scan: Scan | Path) -> Scan:
    """The scan itself, read where it is a path.

    Raises:
        ScanError, OutOfMemoryError: As `read_scan`.
    """
    return scan if isinstance(scan, Scan) else read_scan(scan)


def hash_of(scan: Scan | Path) -> str | None:
    """SHA-256 of a scan's file, as `lfsr prepare` writes it; None where it has none, or none any more."""
    path = _path(scan)
    try:
        return None if path is None else hash_scan(path)
    except (OSError, ScanError):
        return None


def _path(scan: Scan | Path) -> Path | None:
    return scan.source if isinstance(scan, Scan) else scan


def _name(scan: Scan | Path, root: Path) -> str:
    if isinstance(scan, Path):
        return str(scan.absolute().relative_to(root))
    return f"{scan.subject}_{scan.contrast}" if scan.source is None else _name(scan.source, root)
