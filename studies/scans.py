"""The scans that a study trains on and judges by."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lfsr_tf.errors import ScanError
from lfsr_tf.evaluation import EvaluationConfig
from lfsr_tf.pairs.preparing.listing import hash_scan
from lfsr_tf.scans import find_scans, phantom_scan, write_scan
from lfsr_tf.scans.naming import subject_from_path


@dataclass(frozen=True)
class Scans:
    """The scans of a study.

    Attributes:
        train: High-field scans to train on.
        validation: High-field scans of other subjects, to judge by.
        measured: Low-field scans with raw k-space, for the outer-band test.
    """

    train: tuple[Path, ...]
    validation: tuple[Path, ...]
    measured: tuple[Path, ...] = ()

    def of(self, subjects: Sequence[str] | None) -> Scans:
        """The same with the named training subjects alone.

        Raises:
            ScanError: One of them has no scan.
        """
        if subjects is None:
            return self
        chosen = tuple(path for path in self.train if subject_from_path(path) in subjects)
        missing = set(subjects) - {subject_from_path(path) for path in chosen}
        if missing:
            raise ScanError(f"Expected scans of {', '.join(subjects)}. Received: none of {min(missing)}.")
        return Scans(chosen, self.validation, self.measured)

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every scan by its name, with as much of its folder as tells it from the others."""
        paths = list(dict.fromkeys(path.absolute() for side in vars(self).values() for path in side))
        return {_own_name(path, paths): hash_scan(path) for path in paths}


def asked_scans(options: argparse.Namespace) -> Scans:
    """The scans of the data folder that was named, or phantoms beside the results of a short run.

    Args:
        options: `data`, and those of `studies.command.add_places`.
    """
    return _phantoms(options.results / "phantoms") if options.short else _real(options.data)


def asked_settings(options: argparse.Namespace, config: EvaluationConfig) -> EvaluationConfig:
    """How a study judges, in little in a short run."""
    return replace(config, hr_size=64, slices_per_volume=1) if options.short else config


def _own_name(path: Path, paths: Sequence[Path]) -> str:
    for length in range(1, len(path.parts)):
        tail = path.parts[-length:]
        if sum(other.parts[-length:] == tail for other in paths) == 1:
            break
    return "/".join(tail)


def _real(folder: Path) -> Scans:
    """The scans of a data folder: `train`, `val`, and the measured k-space in `lowfield_dev`."""
    measured = tuple(sorted((folder / "lowfield_dev").glob("*_kspace_*.h5")))
    return Scans(tuple(find_scans(folder / "train")), tuple(find_scans(folder / "val")), measured)


def _phantoms(folder: Path) -> Scans:
    """Phantoms of five people in place of real scans, written to a folder."""
    sides: dict[str, list[Path]] = {"train": [], "val": []}
    for number, side in ((1, "train"), (2, "train"), (3, "train"), (4, "val"), (5, "val")):
        path = folder / side / f"sub-{number:02d}_T2w.nii.gz"
        if not path.exists():
            write_scan(phantom_scan(number, "T2w", slices=6), path)
        sides[side].append(path)
    return Scans(tuple(sides["train"]), tuple(sides["val"]))
