"""Whether noise on k-space makes more data: tables and figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from studies.figures import lines
from studies.page import markdown_table
from studies.scores import Results, with_interval

PEOPLE = (1, 3, 11)
KINDS = {
    "copies_1": "fixed noise",
    "copies_2": "2 noise copies",
    "copies_4": "4 noise copies",
    "copies_8": "8 noise copies",
    "redrawn": "noise redrawn every epoch",
    "hr_noise": "redrawn, and noise of 0.01 on HR",
}
REFERENCE = "copies_1"
# Made with other seeds too, as the reference was.
REPEATED, SEEDS = "redrawn", (1, 2)
SIGMAS = (0.0, 0.03, 0.06)


def tables(results: Results) -> dict[str, str]:
    """`psnr-0`, `psnr-0.03`, `psnr-0.06`: in the head mask; `gains`, `seeds`: over fixed noise, at 0.03."""
    by_level = {f"psnr-{sigma:g}": _psnr(results, sigma) for sigma in SIGMAS}
    return {**by_level, "gains": _gains(results), "seeds": _seeds(results)}


def figures(results: Results, folder: Path) -> None:
    """`more_data.svg`: PSNR at 0.03 by people, a line a kind; `more_data_curves.svg`: validation."""
    values = {
        title: [results.mean(f"{people}_{kind}", "psnr", sigma=0.03, region="head") for people in PEOPLE]
        for kind, title in KINDS.items()
    }
    labels = ("people to train on", "PSNR in the head at sigma 0.03, dB")
    lines(values, [str(people) for people in PEOPLE], labels, folder / "more_data.svg", log=True)
    curves = {title: results.runs[f"1_{kind}"]["history"]["val_psnr"] for kind, title in KINDS.items()}
    epochs = [str(epoch + 1) for epoch in range(len(next(iter(curves.values()))))]
    lines(
        curves,
        epochs,
        ("epoch, 1 person", "validation PSNR, whole patches, dB"),
        folder / "more_data_curves.svg",
    )


def _psnr(results: Results, sigma: float) -> str:
    rows = []
    for kind, title in KINDS.items():
        values = [
            results.mean(f"{people}_{kind}", "psnr", sigma=sigma, region=region)
            for region in ("head", "whole")
            for people in PEOPLE
        ]
        rows.append([title, *(f"{value:.2f}" for value in values)])
    headings = [f"{people}, {region}" for region in ("head", "whole") for people in PEOPLE]
    return markdown_table(["people, region", *headings], rows)


def _seeds(results: Results) -> str:
    rows = []
    for people in PEOPLE:
        gaps = results.by_seed(f"{people}_{REPEATED}", f"{people}_{REFERENCE}", SEEDS, sigma=0.03)
        rows.append([str(people), ", ".join(f"{gap:+.2f}" for gap in gaps), f"{np.mean(gaps):+.2f}"])
    return markdown_table(["people", "by seed", "mean"], rows)


def _gains(results: Results) -> str:
    rows = []
    for kind, title in KINDS.items():
        if kind != REFERENCE:
            gaps = [
                results.difference(
                    f"{people}_{kind}", f"{people}_{REFERENCE}", "psnr", sigma=0.03, region="head"
                )
                for people in PEOPLE
            ]
            rows.append([title, *map(with_interval, gaps)])
    return markdown_table(["over fixed noise", *(f"people: {people}" for people in PEOPLE)], rows)
