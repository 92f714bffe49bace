"""Training and judging one run: everything between a plan and its figures."""

from __future__ import annotations

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lfsr_tf.evaluation import EvaluationConfig, evaluate, read_history, with_measured_kspace
from lfsr_tf.evaluation.results import json_value
from lfsr_tf.evaluation.tables import volume_scores
from lfsr_tf.networks import load_model
from lfsr_tf.pairs import prepare_dataset
from lfsr_tf.storage import read_json, write_json
from lfsr_tf.training import train
from studies import automap
from studies.plan import Run
from studies.scans import Scans

_DIGITS = 5


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
