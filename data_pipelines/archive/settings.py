"""What a worker is told: the archive, the model, how to enhance, and where to write."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lfsr_tf import __version__

# Spelt out here: importing it would bring TensorFlow to every process that unpickles the settings.
OutputFormat = Literal["same", "nifti", "dicom"]

TABLE, PARQUET, FAILED, STOP = "scans.csv", "scans.parquet", "failed.csv", ".stop"
GOES_ON = "A rerun goes on where it was."


@dataclass(frozen=True)
class Task:
    """One scan of the archive.

    Attributes:
        name: Path of the scan in the archive, with "/"; what the table and the list of failures call it.
        target: Path of the result in the output folder, without its suffix.
        key: What the result depends on (`ArchiveSettings.key`); "" until the scan was looked at.
    """

    name: str
    target: str
    key: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of one scan.

    Attributes:
        name: As of its task.
        rows: Of the table, one an enhanced volume.
        error: Why there is no result, in one line; "" where there is one.
        fresh: Whether it was enhanced by this run.
    """

    name: str
    rows: tuple[dict[str, Any], ...] = ()
    error: str = ""
    fresh: bool = False


@dataclass(frozen=True)
class ArchiveSettings:
    """One run's settings; paths are absolute, and the same on every worker.

    Attributes:
        archive: Folder that every scan lies in.
        output: Folder of the results.
        model: Folder of one version of an exported model.
        fingerprint: Of the model's files.
        enhance: The fields of `EnhanceConfig`.
        output_format: "same": DICOM for DICOM, NIfTI for all else; or one of the two.
        strict: Start no further scan once one has failed.
        driver: Process of the command where the workers are on its machine: they end with it, even where
            it was killed; None for workers elsewhere.
    """

    archive: Path
    output: Path
    model: Path
    fingerprint: str
    enhance: Mapping[str, Any] = field(default_factory=dict)
    output_format: OutputFormat = "same"
    strict: bool = False
    driver: int | None = None

    def key(self, hashes: Mapping[str, str]) -> str:
        """Hexadecimal digest of everything that a result depends on.

        Args:
            hashes: SHA-256 of the scan's files, by name.

        Returns:
            Another one for another content of the scan or of the model, other settings, or another version
            of the package; the scan's place and the order of the files are left out.
        """
        depends_on = {
            "scan": dict(hashes),
            "model": self.fingerprint,
            "settings": {**self.enhance, "output_format": self.output_format},
            "package": __version__,
        }
        return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()

    def source(self, task: Task) -> Path:
        """Where a task's scan is."""
        return self.archive / task.name

    def target(self, task: Task) -> Path:
        """Where a task's result goes, without its suffix."""
        return self.output / task.target
