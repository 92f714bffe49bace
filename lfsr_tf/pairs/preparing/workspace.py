"""The working folder of a preparation: what makes it resumable, exclusive and tidy.

It stands inside the output folder as `.preparing-<fingerprint>`. Everything is made there under temporary
names; finished shards move up at the very end, then `dataset.json` is written, and only then is the folder a
data set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lfsr_tf.errors import ConfigError, OutputError, ScanError
from lfsr_tf.pairs.dataset import DESCRIPTION, open_dataset
from lfsr_tf.placing import TEMPORARY_PREFIX, remove
from lfsr_tf.storage import read_json, write_json

_PREFIX = ".preparing-"
KEPT = "What is done is kept."
_SHARD_NAME = re.compile(r"(pairs|slices)-(train|validation)-\d{5}-of-\d{5}\.tfrecord\.gz")


def index_path(folder: Path, source: int) -> Path:
    """Where the index of one scan stands. It is written last: when it is there, so are the arrays."""
    return folder / f"{source:06d}.json"


def array_path(folder: Path, source: int, volume: int) -> Path:
    """Where the slices of one volume stand: float16 [n, S, S]."""
    return folder / f"{source:06d}-{volume:04d}.npy"


def measured_path(folder: Path, source: int, volume: int) -> Path:
    """Where the measured LR images of the same slices stand, if any: float16 [n, S / scale, S / scale]."""
    return folder / f"{source:06d}-{volume:04d}-lr.npy"


class Workspace:
    """The working folder of one preparation.

    Args:
        output: The folder that will hold the records.
        fingerprint: Of the settings and sources; another one is another preparation.
    """

    def __init__(self, output: Path, fingerprint: str) -> None:
        self.output = output
        self.fingerprint = fingerprint
        self.folder = output / f"{_PREFIX}{fingerprint}"
        self.cache = self.folder / "slices"
        self.shards = self.folder / "shards"

    def is_complete(self) -> bool:
        """Whether the output folder holds the finished records of this very preparation."""
        return (self.output / DESCRIPTION).is_file() and open_dataset(
            self.output
        ).fingerprint == self.fingerprint

    def open(self, *, overwrite: bool) -> None:
        """Make the folder, or continue the one of a run that was killed.

        Args:
            overwrite: Throw away what another preparation left in the output folder.

        Raises:
            ConfigError: Another preparation, finished or not, stands there and `overwrite` is not given.
            OutputError: The folder cannot be written.
        """
        if self._publishing().exists() and (self.output / DESCRIPTION).exists():
            # Its records are complete, and now made anew: what was published is no part of them.
            self.close()
        foreign = [path for path in self.output.glob(f"{_PREFIX}*") if path != self.folder]
        finished = not self.folder.exists() and (self.output / DESCRIPTION).exists()
        if (foreign or finished) and not overwrite:
            what = "the records" if finished else "an unfinished preparation"
            raise ConfigError(
                f"Expected an empty folder or one of the same settings and scans. Received: {self.output} "
                f"with {what} of others. Choose another folder, or give --overwrite (overwrite=True) to "
                "replace it."
            )
        for path in foreign:
            remove(path)
        try:
            for folder in (self.cache, self.shards):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"Cannot write to {self.output}: {error.strerror}.") from error
        self._remove_temporaries()

    def _remove_temporaries(self) -> None:
        # Beside the folder stands what other commands have in hand, too.
        described = self.output.glob(f"{TEMPORARY_PREFIX}*-{DESCRIPTION}")
        for path in (*self.folder.rglob(f"{TEMPORARY_PREFIX}*"), *described):
            remove(path)

    def plan(self, used: Sequence[int]) -> None:
        """Throw away the shards of an earlier run that could use other scans: another plan cut them.

        Args:
            used: The numbers of the scans that can be used, sorted. The plan depends on nothing else.

        Raises:
            OutputError: The workspace cannot be written.
        """
        planned = self.folder / "scans.json"
        if not planned.exists() or read_json(planned) != list(used):
            self._remove_shards()
            write_json(planned, list(used))

    def _remove_shards(self) -> None:
        """Those here, and those that were moved up already."""
        if self._publishing().exists():
            self._remove_published(kept=frozenset())
            remove(self._publishing())
        remove(self.shards)

    def cached(self) -> dict[int, Any]:
        """The index of each scan whose slices are cached, by the scan's number."""
        return {int(path.stem): read_json(path) for path in self.cache.glob("*.json")}

    def shard(self, file: str) -> Path:
        """Where a shard stands now: moved up by a run that was killed while it published, or here."""
        published = self.output / file
        # Before publishing begins, a file of that name in the output folder is an old preparation's.
        return published if self._publishing().exists() and published.exists() else self.shards / file

    def publish(self, files: list[str]) -> None:
        """Move the finished shards up, in place of any older records."""
        first_time = not self._publishing().exists()
        remove(self.output / DESCRIPTION)
        # Of a run that was killed while it published, what it moved stays.
        self._remove_published(kept=frozenset() if first_time else frozenset(files))
        self._publishing().touch()
        for file in files:
            if (self.shards / file).exists():
                (self.shards / file).replace(self.output / file)

    @contextmanager
    def discarded_on_refusal(self) -> Iterator[None]:
        """Leave nothing behind when the block fails for a reason that the next run would meet again.

        After a kill, the death of a worker or a full disk everything stays, and the next run goes on from
        there.

        Raises:
            OutputError: Something cannot be written.
        """
        try:
            yield
        except (ConfigError, ScanError):
            self._remove_shards()
            self.close()
            raise
        except OutputError as error:
            self._remove_temporaries()
            raise OutputError(f"{error} {KEPT}") from error
        except OSError as error:
            self._remove_temporaries()
            raise OutputError(
                f"Cannot write to {self.output}: {error.strerror or error}. Check the free space. {KEPT}"
            ) from error

    def _remove_published(self, kept: Set[str]) -> None:
        for path in self.output.iterdir():
            if _SHARD_NAME.fullmatch(path.name) and path.name not in kept:
                remove(path)

    def _publishing(self) -> Path:
        return self.folder / "publishing"

    def close(self) -> None:
        """Remove the working folder: the records are complete."""
        remove(self.folder)
