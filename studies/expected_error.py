"""`python -m studies.expected_error`: how well the spread over views tells how large errors are.

Each shipped model's error models, fitted on the validation scans, and how well those fitted on the other
people tell the errors on each person. They are written into the models' cards.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from lfsr_tf.error_model import INTERPOLATED, KNOWN, ErrorModel
from lfsr_tf.evaluation import EvaluationConfig
from lfsr_tf.evaluation.calibration import ErrorSample, fit_error_model, samples_by_subject
from lfsr_tf.models import load_model
from lfsr_tf.models.catalogue import SHIPPED
from lfsr_tf.storage import read_json, write_json
from studies.command import add_places, carry_out
from studies.page import markdown_table, renew
from studies.scans import Scans, asked_scans, asked_settings

MODELS = ("paper", "fast", "best")
SIGMAS = (0.0, 0.015, 0.03, 0.06)
SLICES = 4
Row = dict[str, Any]
Samples = Mapping[str, Sequence[ErrorSample]]


def main(arguments: list[str] | None = None) -> int:
    """Fit and judge the error models, keep the figures, renew the page and the cards."""
    parser = argparse.ArgumentParser(prog="python -m studies.expected_error", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="val/")
    add_places(parser)
    return carry_out(_carry_out, parser.parse_args(arguments))


def _carry_out(options: argparse.Namespace) -> None:
    scans = asked_scans(options)
    config = asked_settings(options, EvaluationConfig(sigmas=SIGMAS, slices_per_volume=SLICES))
    found = {name: fitted(name, scans, config) for name in (("fast",) if options.short else MODELS)}
    write_json(options.results / "expected_error.json", found)
    if not options.short:
        for name, of_model in found.items():
            into_card(SHIPPED / f"{name}.json", of_model["models"])
        renew(options.docs / "expected_error.md", tables(read_json(options.results / "expected_error.json")))


def fitted(name: str, scans: Scans, config: EvaluationConfig) -> dict[str, Any]:
    """A model's `models`, fitted on all people, and `rows`: each person's errors told by the others'."""
    samples = samples_by_subject(load_model(name), scans.validation, config)
    models = {origin: fit_error_model(_all(of)) for origin, of in samples.items()}
    return {
        "models": {origin: dataclasses.asdict(model) for origin, model in models.items()},
        "rows": [row for origin, of in samples.items() for row in _left_out(origin, of)],
    }


def _all(samples: Samples, but: str | None = None) -> list[ErrorSample]:
    return [sample for subject, found in samples.items() if subject != but for sample in found]


def _left_out(origin: str, samples: Samples) -> Iterator[Row]:
    for subject, own in samples.items():
        model = fit_error_model(_all(samples, but=subject))
        for sample in own:
            told = _told(model, sample)
            yield {"origin": origin, "subject": subject, "noise_level": round(sample.noise_level, 4), **told}


def _told(model: ErrorModel, sample: ErrorSample) -> Row:
    """How well a model tells the errors of a volume."""
    expected = model.mean_square(sample.variance, sample.noise_level)
    found = {
        "ratio": np.sqrt(expected.mean() / sample.mean_square.mean()),
        "spearman": spearmanr(expected, sample.mean_square).statistic,
        "within_2": (np.abs(sample.error) < 2.0 * np.sqrt(expected)).mean(),
    }
    return {name: round(float(figure), 3) for name, figure in found.items()}


def into_card(path: Path, models: Mapping[str, Any]) -> None:
    """Write a model's error models into its card."""
    card = read_json(path)
    card["info"]["expected_error"] = models
    write_json(path, card)


def tables(found: Mapping[str, Any]) -> dict[str, str]:
    """`told`: mean and range over volumes and noise levels; `numbers`: the error models."""
    told, numbers = [], []
    for name in MODELS:
        for origin in (KNOWN, INTERPOLATED):
            rows = [row for row in found[name]["rows"] if row["origin"] == origin]
            told.append(
                [f"`{name}`, {origin}", *(_range(rows, key) for key in ("ratio", "spearman", "within_2"))]
            )
            model = ErrorModel(**found[name]["models"][origin])
            values = (f"{model.spread:.1f}", f"{model.noise:.2f}", f"{1e4 * model.floor:.1f}e-4")
            numbers.append([f"`{name}`, {origin}", *values])
    headings = ["", "expected / true error", "rank correlation", "voxels within twice the expected error"]
    return {
        "told": markdown_table(headings, told),
        "numbers": markdown_table(["", "spread", "noise", "floor"], numbers),
    }


def _range(rows: Sequence[Row], key: str) -> str:
    values = [row[key] for row in rows]
    return f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    raise SystemExit(main())
