"""One process at a time in an output folder."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lfsr_tf.errors import OutputError
from lfsr_tf.placing import remove
from lfsr_tf.storage import exists

LOCK = ".lfsr-lock"


@contextmanager
def exclusive(output: Path) -> Iterator[None]:
    """Make an output folder and keep every other process that asks for it out of it.

    The lock is on a hidden file in the folder, which network file systems tell other machines of, as they do
    not of a lock on a folder. It belongs to the process, so it ends with it, however it ends; the file goes
    at the end, and what a killed process has left of it is used again.

    Raises:
        OutputError: The folder cannot be made or locked, or another process writes there.
    """
    made, lock = not exists(output), output / LOCK
    try:
        output.mkdir(parents=True, exist_ok=True)
        descriptor = _opened(lock)
    except OSError as error:
        raise OutputError(
            f"Cannot write to {output}: {error.strerror}. Choose another output folder."
        ) from error
    try:
        _lock(descriptor, lock)
        try:
            yield
        finally:
            # While it is locked: who has it open already finds that it is no longer the one of that name.
            remove(lock)
    finally:
        os.close(descriptor)
        # A refusal leaves no empty folder behind, unless it was there before or somebody else is in it now.
        if made:
            with suppress(OSError):
                output.rmdir()


def _opened(lock: Path) -> int:
    """Open a lock's file; one that is new is made for those who may write to its folder, and nobody else."""
    # For writing: NFS takes no exclusive lock of a file that is open for reading alone.
    flags = os.O_RDWR | os.O_NOFOLLOW
    try:
        descriptor = os.open(lock, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        # What stands there keeps its mode: it may be a link to a file that is none of ours.
        try:
            return os.open(lock, flags)
        except FileNotFoundError as error:
            raise _busy(lock.parent) from error
    _share(descriptor, lock.parent)
    return descriptor


def _share(descriptor: int, folder: Path) -> None:
    """Let those who may write to a folder, and nobody else, use a file of this process in it."""
    # Not every file system has groups and modes, and not everybody is of the folder's group.
    with suppress(OSError):
        status = folder.stat()
        writers = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if writers & stat.S_IWGRP:
            with suppress(OSError):
                os.fchown(descriptor, -1, status.st_gid)
            if os.fstat(descriptor).st_gid != status.st_gid:
                # Another group is everybody, to the folder.
                everybody = writers & stat.S_IWOTH
                writers = everybody | everybody << 3
        os.fchmod(descriptor, 0o600 | writers | writers << 1)


def _lock(descriptor: int, lock: Path) -> None:
    """Lock an open file, which must still be the one of that name: an earlier owner may have removed it."""
    output = lock.parent
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        same = os.path.samestat(os.fstat(descriptor), lock.stat())
    except (BlockingIOError, FileNotFoundError):
        same = False
    except OSError as error:
        raise OutputError(
            f"Cannot lock {output}: {error.strerror}. Choose a folder on a file system with locks."
        ) from error
    if not same:
        raise _busy(output)


def _busy(output: Path) -> OutputError:
    return OutputError(f"Another process is writing to {output}. Wait for it, or choose another folder.")
