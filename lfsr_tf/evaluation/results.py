"""What an evaluation found, in one object that can be written as JSON and CSV."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.evaluation.config import EvaluationConfig
from lfsr_tf.evaluation.outer_band import OuterBandScore
from lfsr_tf.storage import atomic_path

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class SliceScore:
    """The figures of one method on one slice at one noise level in one region.

    Attributes:
        scan: Name of the volume.
        subject: Identifier of the person.
        contrast: For example "T1w".
        slice_index: Place of the slice in the scan.
        sigma: Simulated noise level.
        method: A baseline's name, another network's, or "model".
        region: "head" or "whole".
        psnr: dB.
        ssim: 1 is best.
        nrmse: 0 is best.
        hfen: 0 is best.
        band: Fraction of the outer band recovered.
        energy: Energy in the outer band over the truth's.
    """

    scan: str
    subject: str
    contrast: str
    slice_index: int
    sigma: float
    method: str
    region: str
    psnr: float
    ssim: float
    nrmse: float
    hfen: float
    band: float
    energy: float


@dataclass(frozen=True)
class VolumeFacts:
    """What is known of one volume that was compared.

    Attributes:
        scan: Its name.
        subject: Identifier of the person.
        contrast: For example "T1w".
        sha256: Of its file or series, as `lfsr prepare` has it; None where it was given as voxels.
        hr_spacing_mm: Voxel sizes of the truth along H and W.
        lr_spacing_mm: Voxel sizes of the simulated scan along h and w.
    """

    scan: str
    subject: str
    contrast: str
    sha256: str | None
    hr_spacing_mm: tuple[float, float]
    lr_spacing_mm: tuple[float, float]


# Compared by identity, as all that holds it: arrays have no single truth value.
@dataclass(frozen=True, eq=False)
class Picture:
    """One slice as every method shows it, turned upright, in the units of the truth.

    Attributes:
        scan: Name of the volume.
        subject: Identifier of the person.
        contrast: For example "T1w".
        slice_index: Place of the slice in the scan.
        sigma: Simulated noise level.
        lr: float32 [h, w], what the simulated scanner gave.
        hr: float32 [H, W], the truth.
        outputs: For each method, float32 [H, W].
        psnr: For each method, dB inside the head mask of this slice.
    """

    scan: str
    subject: str
    contrast: str
    slice_index: int
    sigma: float
    lr: NDArray[np.float32]
    hr: NDArray[np.float32]
    outputs: dict[str, NDArray[np.float32]]
    psnr: dict[str, float]


# Compared and hashed by identity, by which its tables are kept.
@dataclass(frozen=True, eq=False)
class Results:
    """An evaluation: every slice's figures, and how they came about.

    Attributes:
        config: Settings.
        model: Metadata of the network under test, JSON values.
        scale: Of the network.
        scores: One entry for each slice, noise level, method and region.
        pictures: A slice of each contrast at each noise level; not part of the JSON.
        outer_band: The test on measured low-field k-space, where it was asked for.
        failures: Scans that could not be used, with the reason.
        volumes: What is known of each volume.
        warnings: Where the test is not one that a network was trained for, a sentence each; of another
            network than the one under test it begins with its name.
        against: Metadata of each other network, by the name that it has among the methods.
    """

    config: EvaluationConfig
    model: dict[str, Any]
    scale: int
    scores: tuple[SliceScore, ...]
    pictures: tuple[Picture, ...] = field(default=(), repr=False)
    outer_band: tuple[OuterBandScore, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()
    volumes: tuple[VolumeFacts, ...] = ()
    warnings: tuple[str, ...] = ()
    against: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """What was compared, in its order; of `evaluate` the `rivals`, then "model"."""
        return tuple(dict.fromkeys(score.method for score in self.scores))

    @property
    def rivals(self) -> tuple[str, ...]:
        """What the network is compared with: the baselines of the configuration, then the other networks."""
        return (*self.config.baselines, *self.against)

    @cached_property
    def contrasts(self) -> tuple[str, ...]:
        """Contrasts in alphabetical order."""
        return tuple(sorted({score.contrast for score in self.scores}))

    @cached_property
    def subjects(self) -> tuple[str, ...]:
        """Subjects in alphabetical order."""
        return tuple(sorted({score.subject for score in self.scores}))


def in_millimetres(sizes: Iterable[tuple[float, float]]) -> str:
    """Smallest and largest of several voxel sizes, such as "0.90 to 1.20 mm", or the one that all have."""
    sides = [f"{side:.2f}" for side in sorted(side for size in sizes for side in size)]
    return f"{' to '.join(dict.fromkeys((sides[0], sides[-1])))} mm"


def write_csv(results: Results, path: Path) -> None:
    """Write every slice's figures as CSV, one row a `SliceScore`, atomically."""
    names = [entry.name for entry in dataclasses.fields(SliceScore)]
    with (
        atomic_path(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as stream,
    ):
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(map(vars, results.scores))


def json_value(value: Any) -> Any:
    """Dataclasses, tuples and NumPy numbers as plain JSON values; a non-finite figure becomes null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {entry.name: json_value(getattr(value, entry.name)) for entry in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): json_value(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(entry) for entry in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
