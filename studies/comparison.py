"""`python -m studies.comparison`: the shipped models beside classical methods, simulated and measured.

BM3D is the package `bm3d`, whose licence is for non-commercial use: it is asked for here alone
(`pip install '.[studies]'`), never by the package. Without it `--short` leaves it out; a whole run, one that
names it and one that draws the picture are refused.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lfsr_tf.errors import ConfigError
from lfsr_tf.evaluation import EvaluationConfig, compare, outer_band_scores
from lfsr_tf.evaluation.acquisitions import LowField
from lfsr_tf.evaluation.baselines import BASELINES, zero_filling
from lfsr_tf.evaluation.methods import MODEL, Method, model_method
from lfsr_tf.evaluation.results import json_value
from lfsr_tf.evaluation.tables import volume_scores
from lfsr_tf.models import list_models, load_model, read_card
from lfsr_tf.physics.noise import remove_rician_bias
from lfsr_tf.physics.settings import RawImage
from lfsr_tf.scans import read_scan
from studies.command import add_places, carry_out
from studies.figures import panels
from studies.lab import compact
from studies.page import markdown_table, renew
from studies.scans import Scans, asked_scans, asked_settings
from studies.scores import Results, with_interval

CLASSICAL = {
    "zero-fill": "zero-filling",
    "cubic": "cubic",
    "nlm": "non-local means",
    "nlm-biased": "non-local means, bias left",
    "bm3d": "BM3D",
}
MODELS = ("paper", "fast", "best")
TITLES = {**CLASSICAL, **{name: name for name in MODELS}}
SIGMAS = (0.0, 0.015, 0.03, 0.06)
CONTRASTS = ("T1w", "T2w", "FLAIR")
SHOWN_SIGMA = 0.03
SCALE = 2
BLUR_SIGMAS = (0.0, 0.03, 0.06)


def main(arguments: list[str] | None = None) -> int:
    """Judge the methods, keep the figures, renew the page."""
    parser = argparse.ArgumentParser(prog="python -m studies.comparison", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="val/ and lowfield_dev/")
    parser.add_argument("--only", action="append", choices=TITLES, help="judge this method alone; repeatable")
    add_places(parser)
    parser.add_argument("--page", action="store_true", help="judge nothing: renew the page")
    parser.add_argument("--measured", action="store_true", help="judge measured k-space anew, and no more")
    parser.add_argument("--no-picture", dest="picture", action="store_false", help="judge, draw nothing")
    options = parser.parse_args(arguments)
    return carry_out(_carry_out, options)


def _carry_out(options: argparse.Namespace) -> None:
    file, results = options.results / "comparison.jsonl", Results.read(options.results / "comparison.jsonl")
    if not options.page:
        # What is missing is said before hours of work.
        names = _available(options.short, options.only)
        drawn = _available(options.short) if options.picture and not options.measured else []
        scans = asked_scans(options)
        config = asked_settings(options, EvaluationConfig(sigmas=SIGMAS))
        judge = partial(remeasured, results) if options.measured else judged
        for run in judge(names, scans, config):
            results = results.keep(file, list(TITLES), run)
        if drawn:
            draw(drawn, scans, config, options.docs)
    page = options.docs / "comparison.md"
    if page.exists() and set(TITLES) <= set(results.titles):
        renew(page, tables(results))


def _available(short: bool, only: Sequence[str] | None = None) -> list[str]:
    """The methods that were asked for, or all that there are."""
    missing = importlib.util.find_spec("bm3d") is None
    if missing and ("bm3d" in only if only else not short):
        raise ConfigError("Expected the package bm3d. Received: none. pip install '.[studies]'.")
    if only:
        return list(only)
    shipped = [name for name in MODELS if name in list_models()]
    return [name for name in CLASSICAL if not (missing and name == "bm3d")] + shipped


def draw(names: Sequence[str], scans: Scans, config: EvaluationConfig, docs: Path) -> None:
    """`comparison.png`: a slice of one volume for each contrast, as the better methods show it."""
    config = replace(config, sigmas=(SHOWN_SIGMA,), slices_per_volume=min(3, config.slices_per_volume))
    shown = [name for name in names if name not in ("zero-fill", "cubic", "nlm-biased")]
    results = compare({name: method(name, config) for name in shown}, scans.validation, config)
    panels(results.pictures, shown, docs / "comparison.png")


def judged(names: Sequence[str], scans: Scans, config: EvaluationConfig) -> list[dict[str, Any]]:
    """Figures of each method, as a study's runs.

    Args:
        names: Of the methods.
        scans: Validation scans, and measured ones.
        config: Noise levels and slices.

    Returns:
        `name`, `title`, `volumes`, what `measured` finds and, of models, `parameters`, `multiply_adds`,
        `sha256`.
    """
    methods = {name: method(name, config) for name in names}
    rows = compact(volume_scores(compare(methods, scans.validation, config)))
    found = measured(methods, scans, config)
    return [
        {
            "name": name,
            "title": TITLES[name],
            "volumes": [{**row, "method": MODEL} for row in rows if row["method"] == name],
            **found[name],
            **(_facts(name) if name in MODELS else {}),
        }
        for name in names
    ]


def remeasured(
    results: Results, names: Sequence[str], scans: Scans, config: EvaluationConfig
) -> list[dict[str, Any]]:
    """Earlier figures, those of measured k-space replaced."""
    found = measured({name: method(name, config) for name in names}, scans, config)
    return [{**results.runs[name], **found[name]} for name in names]


def measured(
    methods: Mapping[str, Method], scans: Scans, config: EvaluationConfig
) -> dict[str, dict[str, Any]]:
    """The outer-band test of each method, as `outer_band`."""
    scores = [
        score
        for path in scans.measured
        for score in outer_band_scores(read_scan(path), methods, SCALE, config)
    ]
    found: dict[str, dict[str, Any]] = {name: {"outer_band": []} for name in methods}
    for score in scores:
        if score.method in found:
            found[score.method]["outer_band"].append({**json_value(score), "method": MODEL})
    return found


def method(name: str, config: EvaluationConfig) -> Method:
    """A method by its name."""
    if name in MODELS:
        return model_method(load_model(name).model, config.batch_size)
    return bm3d if name == "bm3d" else BASELINES[name]


def bm3d(low: LowField) -> np.ndarray[Any, np.dtype[np.float32]]:
    """BM3D (Dabov et al., IEEE TIP 16, 2007; package of Mäkinen et al.), then as non-local means go on."""
    if low.sigma == 0.0:
        return zero_filling(low)
    from bm3d import bm3d as denoise

    clean = np.stack([denoise(image, low.sigma) for image in low.images]).astype(np.float32)
    unbiased = np.asarray(remove_rician_bias(clean, low.sigma, coils=low.coils)) if low.rician else clean
    return zero_filling(replace(low, images=unbiased))


def _facts(name: str) -> dict[str, Any]:
    card = read_card(name)
    return {"parameters": card.parameters, "multiply_adds": card.multiply_adds, "sha256": card.sha256}


def tables(results: Results) -> dict[str, str]:
    """PSNR and SSIM by region, what `best` gains over each other method, and the outer band."""
    found = {
        f"{metric}-{region}": _by_contrast(results, metric, region)
        for metric in ("psnr", "ssim")
        for region in ("head", "whole")
    }
    bands = {
        "measured-magnitude": _measured(results, "magnitude"),
        "measured-in-phase": _measured(results, "in_phase"),
    }
    return {**found, **bands, "gains": _gains(results), "blur": _blur(results)}


def _by_contrast(results: Results, metric: str, region: str) -> str:
    digits = 2 if metric == "psnr" else 3
    rows = []
    for contrast in ("all", *CONTRASTS):
        for sigma in SIGMAS:
            place: dict[str, Any] = {"sigma": sigma, "region": region}
            if contrast != "all":
                place["contrast"] = contrast
            values = {run: results.mean(run, metric, **place) for run in results.titles}
            cells = [f"{value:.{digits}f}" for value in values.values()]
            rows.append([f"{contrast}, {sigma:g}", *cells])
    return markdown_table(["contrast, sigma", *results.titles.values()], rows)


def _gains(results: Results) -> str:
    rows = []
    for name in ("fast", "best"):
        for other in results.titles:
            if other != name and not (name == "fast" and other == "best"):
                gaps = [
                    results.difference(name, other, "psnr", sigma=sigma, region="head") for sigma in SIGMAS
                ]
                rows.append([f"{name} − {results.titles[other]}", *map(with_interval, gaps)])
    return markdown_table(["", *(f"sigma {sigma:g}" for sigma in SIGMAS)], rows)


def _measured(results: Results, image: RawImage) -> str:
    scans = results.measured_scans()
    rows = [
        [title, *(_recovered(results.recovered(run, scan, image=image)) for scan in scans)]
        for run, title in results.titles.items()
    ]
    return markdown_table(["", *scans], rows)


def _recovered(score: Any) -> str:
    if score["recovered"] is None:
        return "not measurable"
    return f"{score['recovered']:+.2f} [{score['low']:+.2f}, {score['high']:+.2f}]"


def _blur(results: Results) -> str:
    columns = {"hfen": "HFEN", "band": "recovered", "energy": "energy"}
    rows = []
    for run, title in results.titles.items():
        cells = [
            f"{results.mean(run, metric, sigma=sigma, region='head'):.2f}"
            for metric in columns
            for sigma in BLUR_SIGMAS
        ]
        rows.append([title, *cells])
    headings = [f"{column}, {sigma:g}" for column in columns.values() for sigma in BLUR_SIGMAS]
    return markdown_table(["at sigma", *headings], rows)


if __name__ == "__main__":
    raise SystemExit(main())
