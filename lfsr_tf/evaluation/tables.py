"""From slices to tables: means by contrast, noise level, region and method, with spread and intervals.

A volume's figure is the mean over its slices; a table's figure is the mean over volumes, its spread their
standard deviation, and its interval comes from resampling subjects.

Tables are kept as long as their results: report, files and command line ask for the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from lfsr_tf.evaluation.bootstrap import Values, means_over_clusters
from lfsr_tf.evaluation.config import EvaluationConfig
from lfsr_tf.evaluation.methods import MODEL
from lfsr_tf.evaluation.metrics import METRICS, REGIONS
from lfsr_tf.evaluation.once import once
from lfsr_tf.evaluation.results import SCHEMA_VERSION, Results, SliceScore, json_value
from lfsr_tf.physics.scanners import scanner_settings

ALL = "all"


@dataclass(frozen=True)
class VolumeScore:
    """Mean of a metric over the slices of one volume."""

    scan: str
    subject: str
    contrast: str
    sigma: float
    region: str
    metric: str
    method: str
    value: float
    slices: int


@dataclass(frozen=True)
class Summary:
    """Mean of a metric over volumes.

    Attributes:
        contrast: A contrast, or "all".
        sigma: Noise level.
        region: "head" or "whole".
        metric: Name of the metric.
        method: A method's name; in a table of differences the one that is subtracted from the model.
        mean: Mean over volumes.
        spread: Standard deviation over volumes; None for a single one.
        low: Lower end of the bootstrap interval over subjects; None for a single subject.
        high: Upper end.
        volumes: Number of volumes.
        subjects: Number of subjects.
    """

    contrast: str
    sigma: float
    region: str
    metric: str
    method: str
    mean: float
    spread: float | None
    low: float | None
    high: float | None
    volumes: int
    subjects: int


@once
def volume_scores(results: Results) -> tuple[VolumeScore, ...]:
    """Average the slices of each volume, one entry for each noise level, region, metric and method."""
    groups: dict[tuple[str, str, str, float, str, str], list[SliceScore]] = {}
    for score in results.scores:
        key = (score.scan, score.subject, score.contrast, score.sigma, score.region, score.method)
        groups.setdefault(key, []).append(score)
    return tuple(
        VolumeScore(
            scan, subject, contrast, sigma, region, metric, method, _mean(members, metric), len(members)
        )
        for (scan, subject, contrast, sigma, region, method), members in groups.items()
        for metric in METRICS
    )


@once
def summaries(results: Results) -> tuple[Summary, ...]:
    """Every method's mean for each contrast and for all of them together."""
    return _summaries(volume_scores(results), results)


@once
def differences(results: Results) -> tuple[Summary, ...]:
    """Model minus each other method, volume by volume: an interval without 0 is beyond chance.

    Empty where no method is called "model".
    """
    return _summaries(_paired(results), results)


@once
def subject_differences(results: Results) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    """PSNR inside the head, model minus each other method, by subject: averaged over the subject's volumes.

    Returns:
        From subject and other method to the noise level (as text) and the difference; empty where no method
        is called "model".
    """
    collected: dict[tuple[str, str, float], list[float]] = {}
    for score in _paired(results):
        if (score.metric, score.region) == ("psnr", "head"):
            collected.setdefault((score.subject, score.method, score.sigma), []).append(score.value)
    table: dict[str, dict[str, dict[str, float]]] = {}
    for (subject, method, sigma), values in sorted(collected.items()):
        table.setdefault(subject, {}).setdefault(method, {})[f"{sigma:g}"] = float(np.mean(values))
    return table


def lookup(rows: tuple[Summary, ...], **wanted: object) -> Summary:
    """The one row whose attributes have the wanted values.

    Raises:
        KeyError: No row has them.
    """
    for row in rows:
        if all(getattr(row, name) == value for name, value in wanted.items()):
            return row
    raise KeyError(f"no row with {wanted}")


def to_json(results: Results) -> dict[str, object]:
    """Everything but the pictures, as JSON values: settings, tables, and every volume's figures."""
    return {
        "schema_version": SCHEMA_VERSION,
        "config": {**json_value(results.config), "acquisition": scanner_settings(results.config.acquisition)},
        "model": json_value(results.model),
        "against": json_value(results.against),
        "scale": results.scale,
        "definitions": {
            "data_range": results.config.data_range,
            "regions": list(REGIONS),
            "metrics": list(METRICS),
            "spread": "standard deviation over volumes",
            "interval": f"bootstrap over subjects, {results.config.coverage}",
        },
        "summary": json_value(summaries(results)),
        "differences": json_value(differences(results)),
        "subject_differences_psnr_head": subject_differences(results),
        "volumes": json_value(volume_scores(results)),
        "scans": json_value(results.volumes),
        "outer_band": json_value(results.outer_band),
        "warnings": list(results.warnings),
        "failures": [{"scan": scan, "error": error} for scan, error in results.failures],
    }


_Key = tuple[str, float, str, str, str]


@once
def _paired(results: Results) -> tuple[VolumeScore, ...]:
    """Model minus each other method, of each volume."""
    volumes = volume_scores(results)
    model = {_place(score): score.value for score in volumes if score.method == MODEL}
    return tuple(
        replace(score, value=model[_place(score)] - score.value)
        for score in volumes
        if score.method != MODEL and _place(score) in model
    )


def _summaries(volumes: Iterable[VolumeScore], results: Results) -> tuple[Summary, ...]:
    cells: dict[_Key, list[VolumeScore]] = {}
    for score in volumes:
        for contrast in (ALL, score.contrast):
            key = (contrast, score.sigma, score.region, score.metric, score.method)
            cells.setdefault(key, []).append(score)
    # Cells of the same volumes share one draw of the subjects.
    groups: dict[tuple[str, ...], list[_Key]] = {}
    for key, members in cells.items():
        groups.setdefault(tuple(score.subject for score in members), []).append(key)
    rows: dict[_Key, Summary] = {}
    for subjects, keys in groups.items():
        values = np.array([[score.value for score in cells[key]] for key in keys])
        rows |= _group(keys, subjects, values, results.config)
    return tuple(rows[key] for key in cells)


def _group(
    keys: list[_Key], subjects: tuple[str, ...], values: Values, config: EvaluationConfig
) -> dict[_Key, Summary]:
    """The rows of cells that hold the same subjects' volumes; values [cells, volumes]."""
    intervals = means_over_clusters(
        values.T,
        subjects,
        samples=config.bootstrap_samples,
        confidence=config.confidence,
        seed=config.seed,
    )
    volumes = len(subjects)
    spreads = np.std(values, axis=1, ddof=1).tolist() if volumes > 1 else [None] * len(keys)
    return {
        key: Summary(*key, found.estimate, spread, found.low, found.high, volumes, found.units)
        for key, found, spread in zip(keys, intervals, spreads, strict=True)
    }


def _mean(members: list[SliceScore], metric: str) -> float:
    return float(np.mean([getattr(score, metric) for score in members]))


def _place(score: VolumeScore) -> tuple[str, str, float, str, str]:
    return score.scan, score.subject, score.sigma, score.region, score.metric
