"""`python -m studies.blur`: what losses and networks give up in PSNR for sharpness.

Takes its figures from the results of `open_questions` (one small network, seven losses) and `comparison` (the
shipped models beside classical methods), and its pictures from the networks that the former trained.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from lfsr_tf.evaluation import EvaluationConfig, compare
from lfsr_tf.evaluation.methods import model_method
from lfsr_tf.networks import load_model
from studies.command import add_places, carry_out
from studies.figures import panels, scatter
from studies.open_questions import GROUPS
from studies.page import markdown_table, renew
from studies.scans import asked_scans
from studies.scores import Results, with_interval

REFERENCE = "mse"
LOSSES = GROUPS["losses"]
METHODS = ("zero-fill", "cubic", "nlm", "bm3d", "paper", "fast", "best")
SIGMAS = (0.0, 0.03, 0.06)
# What is drawn, of the losses and of the shipped models, at this noise level.
SHOWN, SHOWN_SIGMA = ("mse", "mae", "ssim", "gradient", "kspace"), 0.03


def main(arguments: list[str] | None = None) -> int:
    """Draw the pictures, renew the page."""
    parser = argparse.ArgumentParser(prog="python -m studies.blur", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="has val/")
    add_places(parser, work=True)
    parser.add_argument("--page", action="store_true", help="draw no pictures")
    return carry_out(_carry_out, parser.parse_args(arguments))


def _carry_out(options: argparse.Namespace) -> None:
    losses, methods = read(options.results)
    if not options.page:
        scans = asked_scans(options)
        trained = options.work / "open_questions"
        runs = {losses.titles[name]: trained / name / "run" for name in SHOWN if name in losses.titles}
        draw(runs, scans.validation, options.docs)
    figures(losses, methods, options.docs)
    page = options.docs / "blur.md"
    if page.exists():
        renew(page, tables(losses, methods))


def read(folder: Path) -> tuple[Results, Results]:
    """The results of both studies."""
    return Results.read(folder / "open_questions.jsonl"), Results.read(folder / "comparison.jsonl")


def draw(runs: Mapping[str, Path], scans: Sequence[Path], docs: Path) -> None:
    """`blur.png`: a slice of one volume for each contrast, after each loss."""
    config = EvaluationConfig(sigmas=(SHOWN_SIGMA,), slices_per_volume=3)
    methods = {title: model_method(load_model(run).model, config.batch_size) for title, run in runs.items()}
    panels(compare(methods, scans, config).pictures, [*methods], docs / "blur.png")


def figures(losses: Results, methods: Results, docs: Path) -> None:
    """`blur.svg`: PSNR against the energy of the outer band, losses and methods."""
    points = {
        group: {
            results.titles[name]: (_mean(results, name, "energy"), _mean(results, name, "psnr"))
            for name in names
            if name in results.titles
        }
        for group, results, names in (
            ("losses of one small network", losses, LOSSES),
            ("methods and shipped models", methods, METHODS),
        )
    }
    labels = ("energy of the outer band, 1 = that of the truth", "PSNR in the head at sigma 0.03, dB")
    scatter(points, labels, docs / "blur.svg")


def tables(losses: Results, methods: Results) -> dict[str, str]:
    """`losses` with their differences to MSE, and `methods`."""
    return {"losses": _losses(losses), "methods": _methods(methods)}


def _losses(results: Results) -> str:
    rows = []
    for name in LOSSES:
        gap = results.difference(name, REFERENCE, "psnr", sigma=SHOWN_SIGMA, region="head")
        difference = "" if name == REFERENCE else with_interval(gap)
        psnr, *others = _cells(results, name)
        rows.append([results.titles[name], psnr, difference, *others])
    psnr, *others = _HEADINGS
    return markdown_table(["loss", psnr, "difference to MSE", *others], rows)


def _methods(results: Results) -> str:
    return markdown_table(
        ["method", *_HEADINGS], [[results.titles[name], *_cells(results, name)] for name in METHODS]
    )


_HEADINGS = ["PSNR, dB", "SSIM", "HFEN", "band recovered", *(f"energy at {sigma:g}" for sigma in SIGMAS)]


def _cells(results: Results, name: str) -> list[str]:
    """A run's figures under `_HEADINGS`."""
    return [
        f"{_mean(results, name, 'psnr'):.2f}",
        *(f"{_mean(results, name, metric):.3f}" for metric in ("ssim", "hfen", "band")),
        *(f"{_mean(results, name, 'energy', sigma):.2f}" for sigma in SIGMAS),
    ]


def _mean(results: Results, run: str, metric: str, sigma: float = SHOWN_SIGMA) -> float:
    return results.mean(run, metric, sigma=sigma, region="head")


if __name__ == "__main__":
    raise SystemExit(main())
