"""The server's own folder for files that it works on: found again, or made again, but never another's."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

from lfsr_tf.errors import OutputError


class ScratchFolder:
    """A folder that this process has made, and makes again where a cleaner of temporary files removed it.

    Attributes:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        """Remember the folder as it is now: some file systems change the owner and mode it was made with.

        Raises:
            OSError: It is not there.
        """
        self.path = path
        self._own = _marks(path.lstat())
        self._lock = threading.Lock()

    def keep(self) -> None:
        """Make the folder again where it is gone.

        Raises:
            OSError: It cannot be made.
            OutputError: Somebody else, who would see every scan, has made one of its name meanwhile.
        """
        with self._lock:
            try:
                self.path.mkdir(mode=0o700)
                made = True
            except FileExistsError:
                made = False
            status = self.path.lstat()
            if made and _is_private(status):
                self._own = _marks(status)
            if _marks(status) != self._own:
                raise OutputError(
                    "Expected a folder of the server's own for the file. Received: one that others can use. "
                    "Tell those who run it to start it again, or use lfsr enhance."
                )


def _marks(status: os.stat_result) -> tuple[int, int, int, int]:
    # Owner and mode too: the number of a folder that is gone may be given to another.
    return status.st_dev, status.st_ino, status.st_uid, status.st_mode


def _is_private(status: os.stat_result) -> bool:
    """Whether nobody has put another folder in the place of one that was just made."""
    own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    return own and not status.st_mode & 0o077
