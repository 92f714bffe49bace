"""What the paper left open, by groups of runs that differ in one thing: tables and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from studies.figures import lines
from studies.page import markdown_table
from studies.scores import Results, with_interval

# The first run of a group is what the others are compared with.
GROUPS = {
    "block-input": ("every_layer", "first_layer"),
    "patches": ("patch_16", "every_layer", "patch_48", "patch_16_unet", "mse", "patch_48_unet"),
    "losses": ("mse", "mae", "charbonnier", "ssim", "ms_ssim", "kspace", "gradient"),
    "noise": ("mse", "sigma_004", "sigma_012", "told"),
}
# Runs of the two networks stand in one table of patches, each beside its own kind.
REFERENCES = {"patch_16_unet": None, "mse": "patch_16_unet", "patch_48_unet": "patch_16_unet"}
SIGMAS = (0.0, 0.03, 0.06)
# Made with other seeds too: the block input, and the patches of the U-Net; by what each is compared with.
CLOSE = {
    "first_layer": "every_layer",
    "patch_16_unet": "mse",
    "patch_48_unet": "mse",
}
SEEDS = (1, 2)


def tables(results: Results) -> dict[str, str]:
    """A table for each group: PSNR and SSIM in the head, PSNR of the whole image, HFEN and outer band.

    And `seeds`: the differences of runs that lie close to each other, by seed.
    """
    return {**{name: _table(results, name, runs) for name, runs in GROUPS.items()}, "seeds": _seeds(results)}


def _seeds(results: Results) -> str:
    rows = []
    for run, reference in CLOSE.items():
        for sigma in SIGMAS:
            gaps = results.by_seed(run, reference, SEEDS, sigma=sigma)
            title = f"{results.titles[run]} − {results.titles[reference]}, sigma {sigma:g}"
            rows.append([title, ", ".join(f"{gap:+.2f}" for gap in gaps), f"{np.mean(gaps):+.2f}"])
    return markdown_table(["PSNR difference, dB", "by seed", "mean"], rows)


def figures(results: Results, folder: Path) -> None:
    """`open_questions_curves.svg`: validation PSNR of the losses by epoch."""
    curves = {results.titles[run]: results.runs[run]["history"]["val_psnr"] for run in GROUPS["losses"]}
    epochs = [str(epoch + 1) for epoch in range(len(next(iter(curves.values()))))]
    lines(
        curves, epochs, ("epoch", "validation PSNR, whole patches, dB"), folder / "open_questions_curves.svg"
    )


def _table(results: Results, group: str, runs: tuple[str, ...]) -> str:
    of_group = REFERENCES if group == "patches" else {}
    rows = [_row(results, run, of_group.get(run, runs[0])) for run in runs]
    headings = [
        *(f"PSNR {sigma:g}" for sigma in SIGMAS),
        "difference at 0.03",
        "SSIM 0.03",
        "whole PSNR 0.03",
        "HFEN 0.03",
        "band 0.03",
        "processor s",
    ]
    return markdown_table(["", *headings], rows)


def _row(results: Results, run: str, reference: str | None) -> list[str]:
    at_003: dict[str, Any] = {"sigma": 0.03, "region": "head"}
    compared = reference not in (run, None)
    gap = with_interval(results.difference(run, str(reference), "psnr", **at_003)) if compared else ""
    return [
        results.titles[run],
        *(f"{results.mean(run, 'psnr', sigma=sigma, region='head'):.2f}" for sigma in SIGMAS),
        gap,
        f"{results.mean(run, 'ssim', **at_003):.3f}",
        f"{results.mean(run, 'psnr', sigma=0.03, region='whole'):.2f}",
        f"{results.mean(run, 'hfen', **at_003):.3f}",
        f"{results.mean(run, 'band', **at_003):.3f}",
        f"{results.runs[run]['processor_seconds']}",
    ]
