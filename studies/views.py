"""`python -m studies.views`: what it brings to enhance a scan from all sample positions of an HR pixel.

The shipped models on simulated k-space of the validation scans, in phase and as magnitudes, from their own
samples and from all; and on measured k-space at 0.055 T.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.evaluation import EvaluationConfig
from lfsr_tf.evaluation.acquisitions import StudyVolume, study_volume
from lfsr_tf.evaluation.bootstrap import bootstrap
from lfsr_tf.evaluation.kspace_split import outer_band
from lfsr_tf.evaluation.methods import Method, model_method
from lfsr_tf.evaluation.metrics import psnr
from lfsr_tf.evaluation.outer_band import recovered_fraction
from lfsr_tf.evaluation.simulated_kspace import as_measured
from lfsr_tf.models import load_model
from lfsr_tf.physics.settings import RawImage, Views
from lfsr_tf.scans import read_scan
from lfsr_tf.storage import read_json, write_json
from studies.command import add_places, carry_out
from studies.page import markdown_table, renew
from studies.scans import Scans, asked_scans, asked_settings
from studies.scores import with_interval

MODELS = ("paper", "fast", "best")
SIGMAS = (0.0, 0.015, 0.03, 0.06)
SLICES, SCALE = 4, 2
WAYS: tuple[tuple[RawImage, Views], ...] = tuple(product(get_args(RawImage), ("one", "all")))
Row = dict[str, Any]


def main(arguments: list[str] | None = None) -> int:
    """Judge the models, keep the figures, renew the page."""
    parser = argparse.ArgumentParser(prog="python -m studies.views", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="val/ and lowfield_dev/")
    add_places(parser)
    return carry_out(_carry_out, parser.parse_args(arguments))


def _carry_out(options: argparse.Namespace) -> None:
    scans = asked_scans(options)
    models = ("fast",) if options.short else MODELS
    config = asked_settings(options, EvaluationConfig(sigmas=SIGMAS, slices_per_volume=SLICES))
    found = judged(models, scans, config)
    write_json(options.results / "views.json", found)
    if not options.short:
        renew(options.docs / "views.md", tables(read_json(options.results / "views.json")))


def judged(models: Sequence[str], scans: Scans, config: EvaluationConfig) -> dict[str, list[Row]]:
    """`simulated`: PSNR of each volume in the head mask; `measured`: the part recovered of the outer band."""
    methods = {name: model_method(load_model(name).model, config.batch_size) for name in models}
    volumes = (study_volume(read_scan(path), path.name, SCALE, config) for path in scans.validation)
    return {
        "simulated": [row for volume in volumes for row in _simulated(volume, methods, config)],
        "measured": [row for path in scans.measured for row in _measured(path, methods, config)],
    }


def _simulated(volume: StudyVolume, methods: Mapping[str, Method], config: EvaluationConfig) -> Iterator[Row]:
    for sigma in config.sigmas:
        band = as_measured(volume, sigma)
        for image, views in WAYS:
            low = band.low_field(image, views)
            for name, method in methods.items():
                found = _head_psnr(volume, method(low))
                row = {"scan": volume.name, "subject": volume.subject, "model": name, "sigma": sigma}
                yield {**row, "image": image, "views": views, "psnr": round(found, 4)}


def _head_psnr(volume: StudyVolume, images: NDArray[np.float32]) -> float:
    peaks = np.ones(len(images))
    pair = volume.truth.astype(np.float64), images.astype(np.float64)
    return float(psnr(*pair, volume.masks, peaks).mean())


def _measured(path: Path, methods: Mapping[str, Method], config: EvaluationConfig) -> Iterator[Row]:
    band = outer_band(read_scan(path), SCALE)
    for image, views in WAYS:
        low = band.low_field(image, views)
        for name, method in methods.items():
            found = recovered_fraction(band, band.predict(method(low), image), config).estimate
            row = {"scan": path.name, "model": name, "image": image, "views": views}
            yield {**row, "recovered": round(float(found), 4)}


def tables(found: Mapping[str, Sequence[Row]]) -> dict[str, str]:
    """`simulated`: what all views gain over one, in dB; `measured`: the part recovered, one and all."""
    rows = []
    for name, image in product(MODELS, get_args(RawImage)):
        chosen = [row for row in found["simulated"] if (row["model"], row["image"]) == (name, image)]
        gains = [with_interval(_gain([row for row in chosen if row["sigma"] == sigma])) for sigma in SIGMAS]
        rows.append([f"`{name}`, {_shown(image)}", *gains])
    simulated = markdown_table(["", *(f"sigma {sigma:g}" for sigma in SIGMAS)], rows)
    return {"simulated": simulated, "measured": _measured_table(found["measured"])}


def _gain(rows: Sequence[Row]) -> Any:
    """The mean gain over volumes; subjects are resampled."""
    sums: dict[str, NDArray[np.float64]] = {}
    for row in rows:
        sign, count = (1.0, 1.0) if row["views"] == "all" else (-1.0, 0.0)
        sums.setdefault(row["subject"], np.zeros(2))
        sums[row["subject"]] += (sign * row["psnr"], count)
    config = EvaluationConfig()
    return bootstrap(
        np.stack(list(sums.values())),
        lambda totals: totals[..., :1] / totals[..., 1:],
        samples=config.bootstrap_samples,
        confidence=config.confidence,
        seed=config.seed,
    )[0]


def _measured_table(rows: Sequence[Row]) -> str:
    scans = sorted({row["scan"] for row in rows})
    body = []
    for name, image in product(MODELS, get_args(RawImage)):
        of = {
            (row["scan"], row["views"]): f"{row['recovered']:.2f}"
            for row in rows
            if (row["model"], row["image"]) == (name, image)
        }
        cells = [f"{of[scan, 'one']} → {of[scan, 'all']}" for scan in scans]
        body.append([f"`{name}`, {_shown(image)}", *cells])
    return markdown_table(["", *(scan.removesuffix("_kspace_fastmri_layout.h5") for scan in scans)], body)


def _shown(image: RawImage) -> str:
    return {"magnitude": "magnitudes", "in_phase": "in phase"}[image]


if __name__ == "__main__":
    raise SystemExit(main())
