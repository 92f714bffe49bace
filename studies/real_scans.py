"""Which imperfections of a real scanner the simulation needs: tables and figures."""

from __future__ import annotations

from pathlib import Path

from studies.figures import intervals
from studies.page import markdown_table
from studies.scores import Results, with_interval

REFERENCE = "paper"
SIGMAS = (0.0, 0.03, 0.06)


def tables(results: Results) -> dict[str, str]:
    """`measured`: the outer band of real scans; `simulated`: the price on simulated ones."""
    return {"measured": _measured(results), "simulated": _simulated(results)}


def figures(results: Results, folder: Path) -> None:
    """`real_scans.svg`: the outer band of every measured scan, by training."""
    scans = results.measured_scans()
    values = {
        title: [results.recovered(run, scan) for scan in scans] for run, title in results.titles.items()
    }
    intervals(values, scans, "outer band recovered", folder / "real_scans.svg")


def _measured(results: Results) -> str:
    scans = results.measured_scans()
    rows = [["zero-filled magnitude", *(_cell(results, REFERENCE, scan, "zero-fill") for scan in scans)]]
    rows += [[title, *(_cell(results, run, scan) for scan in scans)] for run, title in results.titles.items()]
    return markdown_table(["trained with", *scans], rows)


def _cell(results: Results, run: str, scan: str, method: str = "model") -> str:
    score = results.recovered(run, scan, method)
    return "not measurable" if score["recovered"] is None else f"{score['recovered']:+.2f}"


def _simulated(results: Results) -> str:
    rows = []
    for run, title in results.titles.items():
        absolute = [f"{results.mean(run, 'psnr', sigma=sigma, region='head'):.2f}" for sigma in SIGMAS]
        gap = results.difference(run, REFERENCE, "psnr", sigma=SIGMAS[1], region="head")
        rows.append([title, *absolute, "" if run == REFERENCE else with_interval(gap)])
    headings = [
        "trained with",
        *(f"PSNR at {sigma:g}, dB" for sigma in SIGMAS),
        f"difference at {SIGMAS[1]:g}, dB",
    ]
    return markdown_table(headings, rows)
