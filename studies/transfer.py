"""`python -m studies.transfer`: how the k-space of real low-field scans differs from that of training scans.

Signal energy (the noise taken off) in the outer half of k-space along each axis, over that of the ring from a
quarter to a half of the way to the rim; the same lines left and right of the centre; what unequal sides cost
the shipped model `best` on simulated scans; and whether opposite samples repeat each other.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.evaluation.kspace_split import outer_band
from lfsr_tf.pairs import PairsConfig, hr_slices
from lfsr_tf.physics.fourier import image_to_kspace
from lfsr_tf.scans import read_scan
from lfsr_tf.storage import read_json, write_json
from studies.command import add_places, carry_out
from studies.mirror import mirrored
from studies.page import markdown_table, renew
from studies.scans import asked_scans
from studies.sides import PARTS, costs

Energy = NDArray[np.float64]
MODEL = "best"
CONTRASTS = ("T1w", "T2w", "FLAIR")
# Parts of the way from the centre of k-space to its rim, for the comparison of both sides.
BANDS = ((0.0, 0.1), (0.1, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 1.0))


def main(arguments: list[str] | None = None) -> int:
    """Measure, keep the figures, renew the page."""
    parser = argparse.ArgumentParser(prog="python -m studies.transfer", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="train/ and lowfield_dev/")
    add_places(parser)
    return carry_out(_carry_out, parser.parse_args(arguments))


def _carry_out(options: argparse.Namespace) -> None:
    scans = asked_scans(options)
    found: dict[str, Any] = {
        "training": [{**_training_row(path), "scan": path.name} for path in scans.train],
        "measured": [{**_measured_row(path), "scan": path.name} for path in scans.measured],
    }
    judged = scans.train if options.short else [p for p in scans.validation if "T1" in p.name]
    middles = np.array([0.0, *(0.5 * (low + high) for low, high in BANDS), 1.0])
    found["cost"] = costs(
        judged, "fast" if options.short else MODEL, middles, _sides_of_t1w(found["measured"])
    )
    write_json(options.results / "transfer.json", found)
    if not options.short:
        renew(options.docs / "transfer.md", tables(read_json(options.results / "transfer.json")))


def _sides_of_t1w(measured: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """The mean difference of both sides on T1w scans, in dB: 0 at the centre, then `BANDS`, then the rim."""
    rows = [row["sides_db"] for row in measured if row["contrast"] == "T1w"]
    mean = np.mean(rows, axis=0) if rows else np.full(len(BANDS), 6.0)
    return np.array([0.0, *mean, mean[-1]])


def _training_row(path: Path) -> dict[str, Any]:
    scan = read_scan(path)
    images = hr_slices(scan, PairsConfig(mode="slices")).images
    energy = np.square(np.abs(image_to_kspace(tf.constant(images)).numpy())).sum(axis=0)
    return {"contrast": scan.contrast, **fall(energy)}


def _measured_row(path: Path) -> dict[str, Any]:
    scan = read_scan(path)
    band = outer_band(scan, scale=2)
    energy = (np.square(np.abs(band.kspace)) - band.noise).sum(axis=(0, 1))
    repeated = round(mirrored(band.kspace), 2)
    return {"contrast": scan.contrast, **fall(energy), "sides_db": sides(energy), "mirrored": repeated}


def fall(energy: Energy) -> dict[str, float]:
    """Energy of the outer half along each axis over that of the ring inside it, in dB.

    Args:
        energy: float64 [H, W], of each sample, centred.
    """
    rows, columns = (np.abs(_places(size)) for size in energy.shape)
    inner_rows, inner_columns = rows[:, None] < 0.5, columns[None, :] < 0.5
    ring = inner_rows & inner_columns & (np.maximum(rows[:, None], columns[None, :]) >= 0.25)
    parts = {"rows_db": ~inner_rows & inner_columns, "columns_db": inner_rows & ~inner_columns}
    return {name: _decibel(energy[part].sum() / energy[ring].sum()) for name, part in parts.items()}


def sides(energy: Energy) -> list[float]:
    """Energy of columns left of the centre over that of the same ones right of it, band by band, in dB."""
    places, columns = _places(energy.shape[1]), energy.sum(axis=0)
    ratios = []
    for low, high in BANDS:
        left, right = (columns[(sign * places > low) & (sign * places <= high)].sum() for sign in (-1.0, 1.0))
        ratios.append(_decibel(left / right))
    return ratios


def _places(size: int) -> NDArray[np.float64]:
    return (np.arange(size) - size // 2) / (size / 2)


def _decibel(ratio: float) -> float:
    return round(10.0 * float(np.log10(max(ratio, 1e-3))), 1)


def tables(found: Mapping[str, Any]) -> dict[str, str]:
    """`fall`: both axes of all scans; `sides`: left over right; `cost` of these; `mirror`: opposite ones."""
    rows = []
    for contrast in CONTRASTS:
        training = [row for row in found["training"] if row["contrast"] == contrast]
        values = np.array([[row["rows_db"], row["columns_db"]] for row in training])
        spread = [f"{mean:.1f} ± {sd:.1f}" for mean, sd in zip(values.mean(0), values.std(0), strict=True)]
        rows.append([f"{contrast}, {len(training)} training scans", *spread])
        rows += [
            [_name(row), f"{row['rows_db']:.1f}", f"{row['columns_db']:.1f}"]
            for row in found["measured"]
            if row["contrast"] == contrast
        ]
    bands = [f"{low:g} to {high:g}" for low, high in BANDS]
    both = [[_name(row), *(f"{value:+.1f}" for value in row["sides_db"])] for row in found["measured"]]
    return {
        "fall": markdown_table(["scan", "along rows, dB", "along columns, dB"], rows),
        "sides": markdown_table(["scan", *bands], both),
        "cost": _cost(found["cost"]),
        "mirror": markdown_table(
            ["scan", "correlation"], [[_name(row), f"{row['mirrored']:.2f}"] for row in found["measured"]]
        ),
    }


def _cost(found: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            f"{row['scan'].split('.')[0]}, {row['image'].replace('_', ' ')}",
            *(f"{value:.2f}" for value in row["recovered"]),
        ]
        for row in found
    ]
    return markdown_table(["simulated from", *(f"{part:.0%} of the difference" for part in PARTS)], rows)


def _name(row: Mapping[str, Any]) -> str:
    return str(row["scan"]).split("_kspace")[0]


if __name__ == "__main__":
    raise SystemExit(main())
