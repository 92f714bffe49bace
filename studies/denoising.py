"""How much of the gain is denoising: tables and figures."""

from __future__ import annotations

from pathlib import Path

from studies.figures import lines
from studies.page import markdown_table
from studies.scores import Results, with_interval

REFERENCE = "denoiser"
SIGMAS = (0.0, 0.015, 0.03, 0.06)


def tables(results: Results) -> dict[str, str]:
    """PSNR by noise in both regions, `gains` over the denoiser, `detail` and `measured`: the outer band."""
    return {
        "head": _metric(results, "psnr", "head", 2),
        "whole": _metric(results, "psnr", "whole", 2),
        "gains": _gains(results),
        "detail": _metric(results, "band", "head", 3),
        "measured": _measured(results),
    }


def figures(results: Results, folder: Path) -> None:
    """`denoising.svg`: PSNR above zero-filling by noise; `denoising_curves.svg`: validation by epoch."""
    base = [results.mean(REFERENCE, "psnr", "zero-fill", sigma=s, region="head") for s in SIGMAS]
    gains = {
        title: [
            results.mean(run, "psnr", sigma=s, region="head") - b for s, b in zip(SIGMAS, base, strict=True)
        ]
        for run, title in results.titles.items()
    }
    marks = [f"{sigma:g}" for sigma in SIGMAS]
    lines(
        gains,
        marks,
        ("sigma, of the 99.9th percentile", "PSNR above zero-filling, dB"),
        folder / "denoising.svg",
    )
    curves = {title: results.runs[run]["history"]["val_psnr"] for run, title in results.titles.items()}
    epochs = [str(epoch + 1) for epoch in range(len(next(iter(curves.values()))))]
    lines(curves, epochs, ("epoch", "validation PSNR, whole patches, dB"), folder / "denoising_curves.svg")


def _metric(results: Results, metric: str, region: str, digits: int) -> str:
    def row(title: str, run: str, method: str) -> list[str]:
        values = [results.mean(run, metric, method, sigma=sigma, region=region) for sigma in SIGMAS]
        return [title, *(f"{value:.{digits}f}" for value in values)]

    rows = [row("zero-filling", REFERENCE, "zero-fill")]
    rows += [row(title, run, "model") for run, title in results.titles.items()]
    return markdown_table(["", *(f"sigma {sigma:g}" for sigma in SIGMAS)], rows)


def _gains(results: Results) -> str:
    rows = []
    for run, title in results.titles.items():
        if run != REFERENCE:
            gaps = [
                results.difference(run, REFERENCE, "psnr", sigma=sigma, region="head") for sigma in SIGMAS
            ]
            rows.append([title, *map(with_interval, gaps)])
    return markdown_table(["PSNR above the denoiser, dB", *(f"sigma {sigma:g}" for sigma in SIGMAS)], rows)


def _measured(results: Results) -> str:
    scans = results.measured_scans()
    rows = []
    for run, title in results.titles.items():
        found = [results.recovered(run, scan)["recovered"] for scan in scans]
        rows.append([title, *("not measurable" if value is None else f"{value:+.2f}" for value in found)])
    return markdown_table(["", *scans], rows)
