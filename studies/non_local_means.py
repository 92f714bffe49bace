"""`python -m studies.non_local_means`: the strength of the non-local means that evaluations compare with.

PSNR and SSIM inside the head mask of three slices of every training scan, for each strength h in units of
sigma, beside zero-filling. No validation scan has a say.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lfsr_tf.evaluation import EvaluationConfig, compare
from lfsr_tf.evaluation.acquisitions import LowField
from lfsr_tf.evaluation.baselines import NLM_STRENGTH, Images, non_local_means_biased, zero_filling
from lfsr_tf.evaluation.methods import Method
from lfsr_tf.evaluation.tables import volume_scores
from lfsr_tf.physics.noise import remove_rician_bias
from lfsr_tf.storage import read_json, write_json
from studies.command import add_places, carry_out
from studies.lab import compact
from studies.page import markdown_table, renew
from studies.scans import asked_scans, asked_settings

SIGMAS = (0.015, 0.03, 0.06)
STRENGTHS = (0.4, 0.6, 0.8, 1.0, 1.2)
SLICES = 3
ZERO_FILLING = "zero-filling"
_DIGITS = {"psnr": 2, "ssim": 3}


def main(arguments: list[str] | None = None) -> int:
    """Judge the strengths, keep the figures, renew the page."""
    parser = argparse.ArgumentParser(prog="python -m studies.non_local_means", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="train/")
    add_places(parser)
    return carry_out(_carry_out, parser.parse_args(arguments))


def _carry_out(options: argparse.Namespace) -> None:
    config = asked_settings(options, EvaluationConfig(sigmas=SIGMAS, slices_per_volume=SLICES))
    file = options.results / "non_local_means.json"
    write_json(file, found(asked_scans(options).train, config))
    if not options.short:
        renew(options.docs.parent / "evaluation.md", tables(read_json(file)))


def found(scans: Sequence[Path], config: EvaluationConfig) -> list[dict[str, Any]]:
    """Means over volumes inside the head mask: `method`, `sigma`, `psnr` and `ssim`."""
    methods = _methods()
    rows = [row for row in compact(volume_scores(compare(methods, scans, config))) if row["region"] == "head"]
    table = []
    for method in methods:
        for sigma in config.sigmas:
            chosen = [row for row in rows if (row["method"], row["sigma"]) == (method, sigma)]
            means = {metric: round(float(np.mean([row[metric] for row in chosen])), 5) for metric in _DIGITS}
            table.append({"method": method, "sigma": sigma, **means})
    return table


def _methods() -> dict[str, Method]:
    """Every row of the table by its heading."""
    methods: dict[str, Method] = {ZERO_FILLING: zero_filling}
    for strength in STRENGTHS:
        name = f"{strength:g} σ"
        methods[name] = partial(denoised, strength=strength)
        methods[f"{name}, `nlm-biased`"] = partial(denoised, strength=strength, biased=True)
    return methods


def denoised(low: LowField, *, strength: float, biased: bool = False) -> Images:
    """The baselines `nlm` and `nlm-biased` with another strength.

    Args:
        low: LR images.
        strength: h in units of sigma.
        biased: Leave the Rician bias in.

    Returns:
        float32 [N, H, W].
    """
    # The baseline's h is `NLM_STRENGTH` times the sigma that it is told; without enlarging it only denoises.
    told = replace(low, sigma=low.sigma * strength / NLM_STRENGTH, shape=low.images.shape[1:])
    images = non_local_means_biased(told)
    if not biased:
        images = np.asarray(remove_rician_bias(images, low.sigma, coils=low.coils))
    return zero_filling(replace(low, images=images))


def tables(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """`non-local-means`: one row a method, PSNR and SSIM by noise; the strength that is used in bold."""
    used = (f"{NLM_STRENGTH:g} σ", f"{NLM_STRENGTH:g} σ, `nlm-biased`")
    body = []
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        figures = [f"{row[metric]:.{digits}f}" for metric, digits in _DIGITS.items() for row in own]
        body.append([f"**{cell}**" for cell in (method, *figures)] if method in used else [method, *figures])
    headings = [f"{metric.upper()} at {sigma:g}" for metric in _DIGITS for sigma in SIGMAS]
    return {"non-local-means": markdown_table(["h", *headings], body)}


if __name__ == "__main__":
    raise SystemExit(main())
