"""Paths that nobody has looked at: whether they stay inside the archive, and how a table names them."""

from __future__ import annotations

import os
from pathlib import Path
from unicodedata import category

from lfsr_tf.errors import ScanError
from lfsr_tf.storage import real_path

_BREAKING = ("Cc", "Zl", "Zp")
"""Unicode's categories of control characters, tabs among them, and of what separates lines."""


def name_inside(archive: Path, name: str) -> str:
    """A scan's path relative to the archive, with "/" and without detours.

    Raises:
        ScanError: The path leads out of the archive, by itself or by a symbolic link, or is not UTF-8 or has
            control characters, which no table can hold.
    """
    if printable(name) != name:
        what = "control characters" if any(map(_breaks_lines, name)) else "bytes that are not UTF-8"
        raise ScanError(
            f"Expected a path in UTF-8 without control characters. Received: {what}. Rename the scan."
        )
    path = Path(os.path.normpath(archive / name))
    if not path.is_relative_to(archive):
        raise ScanError(f"Expected a scan inside {archive}. Received: {name}, which is not. Move it there.")
    check_inside(archive, path)
    return path.relative_to(archive).as_posix()


def check_inside(archive: Path, path: Path) -> None:
    """Refuse a file or folder that is a symbolic link out of the archive, or lies behind one.

    Raises:
        ScanError: It is.
    """
    if not real_path(path).is_relative_to(archive):
        raise ScanError(
            f"Expected a scan inside {archive}. Received: {path}, a link that leads out of it. Copy the scan."
        )


def printable(name: str) -> str:
    """A file's name for a table: what is not UTF-8 and control characters are escaped."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(repr(letter)[1:-1] if _breaks_lines(letter) else letter for letter in text)


def _breaks_lines(letter: str) -> bool:
    return category(letter) in _BREAKING
