"""One process at a time in an output folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lfsr_tf.errors import OutputError
from lfsr_tf.storage import exists


@contextmanager
def exclusive(output: Path) -> Iterator[None]:
    """Make an output folder and keep every other process that asks for it out of it.

    The lock belongs to the process, so it ends with it, however it ends.

    Raises:
        OutputError: The folder cannot be made or locked, or another process writes there.
    """
    made = not exists(output)
    try:
        output.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(output, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise OutputError(
            f"Cannot write to {output}: {error.strerror}. Choose another output folder."
        ) from error
    try:
        _lock(descriptor, output)
        try:
            yield
        finally:
            # A refusal leaves no empty folder behind, unless it was there before; it goes while it is locked.
            if made:
                with suppress(OSError):
                    output.rmdir()
    finally:
        os.close(descriptor)


def _lock(descriptor: int, output: Path) -> None:
    """Lock an open folder, which must still be the one of that name: an earlier owner may have removed it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        same = os.path.samestat(os.fstat(descriptor), output.stat())
    except (BlockingIOError, FileNotFoundError):
        same = False
    except OSError as error:
        raise OutputError(
            f"Cannot lock {output}: {error.strerror}. Choose a folder on a file system with locks."
        ) from error
    if not same:
        raise OutputError(f"Another process is writing to {output}. Wait for it, or choose another folder.")
