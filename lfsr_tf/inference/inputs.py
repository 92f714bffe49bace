"""Which scans a command is given, each once, and the files that each is read from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from lfsr_tf.errors import ScanError
from lfsr_tf.scans import find_scans, scan_files
from lfsr_tf.storage import exists, real_path


def find_inputs(paths: Sequence[Path], *, results: Path | None = None) -> list[tuple[Path, Path]]:
    """The scans that paths stand for, each once.

    Args:
        paths: Scans, DICOM series (their folder, or any of their files), and folders to search.
        results: A folder whose content is not taken for scans where it lies inside a searched folder.

    Returns:
        Each scan with the folder that it was found in. A path that does not exist is among them: it fails
        when its turn comes, not before the others have had theirs.

    Raises:
        ScanError: There are no scans at all, or a folder cannot be searched.
    """
    found: list[tuple[Path, Path]] = []
    known: set[str] = set()
    for path in paths:
        for scan in find_scans(path) if exists(path) else [path]:
            base = path if scan != path else path.parent
            place = os.path.abspath(scan)  # noqa: PTH100 - resolve() would follow links
            # A file of a series that was found already costs no look at its folder.
            if place in known or (results is not None and _lies_inside(scan, results, base)):
                continue
            # One search finds each scan once; several, or names, may stand for the same files.
            files = set(map(os.path.abspath, _readable_files(scan) if len(paths) > 1 else [scan]))
            if not files <= known:
                found.append((scan, base))
            known |= files | {place}
    if not found:
        raise ScanError(
            f"Expected scans in {', '.join(map(str, paths))}. Received: folders without any; NIfTI files "
            "whose names say that they are phases or masks do not count. Check the path, or name a file."
        )
    return found


def _lies_inside(scan: Path, results: Path, base: Path) -> bool:
    inner, outer = real_path(results), real_path(base)
    return inner != outer and inner.is_relative_to(outer) and inner in real_path(scan).parents


def _readable_files(scan: Path) -> Sequence[Path]:
    try:
        return scan_files(scan)
    except (ScanError, OSError):  # its reader says why, when its turn comes
        return [scan]
