"""Training and judging one run: everything between a plan and its figures."""

from __future__ import annotations

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lfsr_tf.errors import ScanError
from lfsr_tf.evaluation import EvaluationConfig, evaluate, read_history, with_measured_kspace
from lfsr_tf.evaluation.results import json_value
from lfsr_tf.evaluation.tables import volume_scores
from lfsr_tf.networks import load_model
from lfsr_tf.pairs import prepare_dataset
from lfsr_tf.pairs.preparing.listing import hash_scan
from lfsr_tf.scans import find_scans, phantom_scan, write_scan
from lfsr_tf.scans.naming import subject_from_path
from lfsr_tf.storage import read_json, write_json
from lfsr_tf.training import train
from studies import automap
from studies.plan import Run

_DIGITS = 5


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


def _own_name(path: Path, paths: Sequence[Path]) -> str:
    for length in range(1, len(path.parts)):
        tail = path.parts[-length:]
        if sum(other.parts[-length:] == tail for other in paths) == 1:
            break
    return "/".join(tail)


def real_scans(folder: Path) -> Scans:
    """The scans of a data folder: `train`, `val`, and the measured k-space in `lowfield_dev`."""
    measured = tuple(sorted((folder / "lowfield_dev").glob("*_kspace_*.h5")))
    return Scans(tuple(find_scans(folder / "train")), tuple(find_scans(folder / "val")), measured)


def phantom_scans(folder: Path) -> Scans:
    """Phantoms of five people in place of real scans, written to a folder."""
    sides: dict[str, list[Path]] = {"train": [], "val": []}
    for number, side in ((1, "train"), (2, "train"), (3, "train"), (4, "val"), (5, "val")):
        path = folder / side / f"sub-{number:02d}_T2w.nii.gz"
        if not path.exists():
            write_scan(phantom_scan(number, "T2w", slices=6), path)
        sides[side].append(path)
    return Scans(tuple(sides["train"]), tuple(sides["val"]))


def make(run: Run, scans: Scans, folder: Path) -> dict[str, Any]:
    """Train a run and judge it, or read what was found before.

    Args:
        run: What to train.
        scans: On what, and by what to judge.
        folder: Of the whole study's work; a killed run is continued.

    Returns:
        `identity`, `parameters`, `history`, `volumes`, `outer_band` and `processor_seconds` as JSON values.
    """
    automap.register()
    result_file = folder / run.name / "result.json"
    scans = scans.of(run.subjects)
    identity = {**run.identity(), "scans": scans.hashes()}
    if result_file.exists():
        before = dict(read_json(result_file))
        if run.made(before["identity"]) and before["identity"]["scans"] == identity["scans"]:
            return before
    records = _records(run, scans, folder)
    began = time.process_time()
    trained = train(records, folder / run.name / "run", run.training)
    seconds = time.process_time() - began
    result = {
        "identity": identity,
        **_judged(trained.folder, run, scans),
        "processor_seconds": round(seconds),
    }
    write_json(result_file, result)
    return result


def _records(run: Run, scans: Scans, folder: Path) -> Path:
    """The records that a run is trained on; runs that agree on them share them."""
    content = {"pairs": run.pairs.to_json(), "scans": scans.hashes()}
    name = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    prepare_dataset(scans.train, scans.validation, folder / "records" / name, run.pairs)
    return folder / "records" / name


def _judged(trained: Path, run: Run, scans: Scans) -> dict[str, Any]:
    model = load_model(trained)
    config = EvaluationConfig(**{"baselines": ("zero-fill",), **run.evaluate})
    results = evaluate(model, scans.validation, config)
    results = with_measured_kspace(results, model, scans.measured)
    history = read_history(trained / "history.csv")
    return {
        "parameters": model.model.count_params(),
        "history": json_value(history),
        "volumes": compact(volume_scores(results)),
        "outer_band": json_value(results.outer_band),
    }


def compact(scores: Sequence[Any]) -> list[dict[str, Any]]:
    """Volume scores as one entry for each volume, noise level, region and method, with all metrics."""
    rows: dict[tuple[Any, ...], dict[str, float]] = defaultdict(dict)
    for score in scores:
        key = (score.scan, score.subject, score.contrast, score.sigma, score.region, score.method)
        rows[key][score.metric] = float(f"{score.value:.{_DIGITS}g}")
    names = ("scan", "subject", "contrast", "sigma", "region", "method")
    return [{**dict(zip(names, key, strict=True)), **metrics} for key, metrics in rows.items()]
