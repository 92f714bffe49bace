"""Giving a finished file or folder its name: in one step, and on the disk."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import nullcontext, suppress
from pathlib import Path

from lfsr_tf.errors import OutputError
from lfsr_tf.signals import signals_held

TEMPORARY_PREFIX = ".partial-"
_NAME_BYTES = 255


def move_into_place(temporary: Path, target: Path, *, overwrite: bool = True) -> None:
    """Rename a finished file or folder; a folder that stands there goes once the new one has its name.

    Args:
        temporary: On the file system of `target`.
        target: Its name from now on.
        overwrite: Replace what stands there; else only an empty folder gives way.

    Raises:
        OutputError: Another process has made something of that name meanwhile.
        OSError: It cannot be renamed.
    """
    # Told to end in between, the earlier folder would have neither its name nor its end.
    with signals_held():
        if not overwrite:
            _place_new(temporary, target)
        elif not target.is_dir() or target.is_symlink():
            rename(temporary, target)
        else:
            _replace_folder(temporary, target)


def _replace_folder(temporary: Path, target: Path) -> None:
    aside = temporary_sibling(target.with_name(f"{target.name}.old"))
    target.replace(aside)
    try:
        rename(temporary, target)
    except OSError:
        aside.replace(target)
        raise
    remove(aside)


def _place_new(temporary: Path, target: Path) -> None:
    try:
        if temporary.is_dir():
            temporary.replace(target)
        else:
            # Unlike a rename, a link replaces nothing.
            target.hardlink_to(temporary)
    except OSError as error:
        if os.path.lexists(target):
            raise OutputError(
                f"Expected a new output. Received: {target}, which another process has made meanwhile and "
                "which is left as it is. Choose another name, or replace it with --overwrite, if there is "
                "that option."
            ) from error
        temporary.replace(target)  # on file systems without links
    remove(temporary)
    flush_to_disk(target.parent)


def rename(temporary: Path, target: Path) -> None:
    """Rename a file or folder, and wait until its name is on the disk."""
    temporary.replace(target)
    flush_to_disk(target.parent)


def temporary_sibling(target: Path) -> Path:
    """A hidden name beside `target`, which ends as it does, and nothing else has."""
    # Containers that share a volume may have the same process number.
    mark, name = f"{TEMPORARY_PREFIX}{os.getpid()}{secrets.randbelow(10**6):06}-", target.name
    while len(os.fsencode(mark + name)) > _NAME_BYTES:
        name = name[1:]
    return target.with_name(mark + name)


def remove(path: Path) -> None:
    """Remove a file or a whole folder, as far as there is one and it can be removed."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def flush_to_disk(path: Path) -> None:
    """Wait until a file's bytes or a folder's names are on the disk."""
    # Some network file systems cannot flush folders.
    with suppress(OSError) if path.is_dir() else nullcontext():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
