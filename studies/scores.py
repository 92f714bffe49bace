"""A study's figures: means over volumes, and differences of two runs with intervals over subjects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lfsr_tf.evaluation.bootstrap import Interval, means_over_clusters
from lfsr_tf.evaluation.methods import MODEL
from lfsr_tf.physics.settings import RawImage
from lfsr_tf.storage import atomic_path
from studies.plan import seeded

_SAMPLES, _CONFIDENCE, _SEED = 2000, 0.95, 0


@dataclass(frozen=True)
class Results:
    """What a study found.

    Attributes:
        titles: Of each run, by name, in the order of the study.
        runs: What `studies.lab.make` returned for each.
    """

    titles: Mapping[str, str]
    runs: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read a results file; no runs where there is none."""
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        runs = {run["name"]: run for run in map(json.loads, lines)}
        return cls({name: run["title"] for name, run in runs.items()}, runs)

    def keep(self, path: Path, order: Sequence[str], run: Mapping[str, Any]) -> Results:
        """Write a results file, one line a run, with one run more."""
        runs = {**self.runs, run["name"]: run}
        lines = [json.dumps(runs[name], sort_keys=True) + "\n" for name in order if name in runs]
        with atomic_path(path) as temporary:
            temporary.write_text("".join(lines), encoding="utf-8")
        return Results.read(path)

    def mean(self, run: str, metric: str, method: str = MODEL, **place: Any) -> float:
        """Mean of a metric over volumes; `place` may name sigma, region, contrast or subject."""
        values = [row[metric] for row in self._rows(run, method, place)]
        return float(np.mean(values))

    def difference(self, run: str, reference: str, metric: str, **place: Any) -> Interval:
        """Mean of a run minus another one, volume by volume, with a bootstrap interval over subjects."""
        first, second = (
            {row["scan"]: row for row in self._rows(name, MODEL, place)} for name in (run, reference)
        )
        scans = sorted(first)
        [found] = means_over_clusters(
            np.array([[first[scan][metric] - second[scan][metric]] for scan in scans]),
            [first[scan]["subject"] for scan in scans],
            samples=_SAMPLES,
            confidence=_CONFIDENCE,
            seed=_SEED,
        )
        return found

    def by_seed(self, run: str, reference: str, seeds: Sequence[int], **place: Any) -> list[float]:
        """The difference in PSNR inside the head, of the runs themselves and as made with other seeds too."""
        pairs = [(run, reference), *((seeded(run, seed), seeded(reference, seed)) for seed in seeds)]
        return [
            self.difference(*pair, "psnr", region="head", **place).estimate
            for pair in pairs
            if set(pair) <= set(self.titles)
        ]

    def recovered(
        self, run: str, scan: str, method: str = MODEL, *, image: RawImage = "magnitude"
    ) -> Mapping[str, Any]:
        """The outer-band score of a measured scan, by the beginning of its file's name."""
        # Figures of an earlier package are all of magnitudes.
        rows = [row for row in self.runs[run]["outer_band"] if row.get("image", "magnitude") == image]
        return next(row for row in rows if row["method"] == method and row["scan"].startswith(scan))

    def measured_scans(self) -> list[str]:
        """The measured scans, as far as their names tell them apart, in order."""
        first = next(iter(self.runs.values()))
        return sorted({row["scan"].split("_kspace")[0] for row in first["outer_band"]})

    def _rows(self, run: str, method: str, place: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        wanted = {"method": method, **place}
        rows = self.runs[run]["volumes"]
        found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
        if not found:
            raise KeyError(f"no figures of {run} with {wanted}")
        return found


def with_interval(interval: Interval, digits: int = 2) -> str:
    """`+0.12 [+0.05, +0.20]`; the interval is left out where there is none."""
    text = f"{interval.estimate:+.{digits}f}"
    if interval.low is None or interval.high is None:
        return text
    return f"{text} [{interval.low:+.{digits}f}, {interval.high:+.{digits}f}]"
