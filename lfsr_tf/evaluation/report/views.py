"""Tables as the page shows them: text in cells, the best of a row marked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

from lfsr_tf.evaluation.config import EvaluationConfig
from lfsr_tf.evaluation.methods import MODEL
from lfsr_tf.evaluation.metrics import PERFECT
from lfsr_tf.evaluation.outer_band import COMPLEX_ZERO_FILL, OuterBandScore
from lfsr_tf.evaluation.report.labels import (
    METHOD_LABELS,
    METRIC_LABELS,
    RAW_IMAGE_LABELS,
    REGION_LABELS,
    contrast_label,
    data_range_label,
    decimals_of,
    rival_word,
    shown_contrasts,
    signed,
)
from lfsr_tf.evaluation.results import Results
from lfsr_tf.evaluation.tables import ALL, Summary, differences, subject_differences, summaries
from lfsr_tf.physics.settings import RawImage


@dataclass(frozen=True)
class Cell:
    """One cell: the figure, what stands small beside it, and whether it is the best of its row."""

    text: str
    note: str = ""
    best: bool = False


@dataclass(frozen=True)
class Row:
    """One row: its headings, its cells, and whether it opens a group of rows."""

    headings: tuple[str, ...]
    cells: tuple[Cell, ...]
    opens_group: bool = False


@dataclass(frozen=True)
class Table:
    """One table of the page."""

    caption: str
    headings: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def metric_table(results: Results, metric: str, region: str) -> Table:
    """A metric by contrast and noise level, one column a method: mean and standard deviation over volumes."""
    scale = f"; range: {data_range_label(results.config)}" if metric in ("psnr", "ssim") else ""
    cells = {
        (row.contrast, row.sigma, row.method): row
        for row in summaries(results)
        if (row.metric, row.region) == (metric, region)
    }
    body = [
        Row(
            (contrast_label(contrast), f"{sigma:g}", _volumes(cells[contrast, sigma, MODEL])),
            _method_cells([cells[contrast, sigma, method] for method in results.methods], metric),
            opens_group=sigma == results.config.sigmas[0],
        )
        for contrast in shown_contrasts(results)
        for sigma in results.config.sigmas
    ]
    mean = "Mean" if all(row.spread is None for row in cells.values()) else "Mean ± standard deviation"
    caption = f"{METRIC_LABELS[metric]}, {REGION_LABELS[region]}{scale}. {mean} over volumes."
    columns = tuple(METHOD_LABELS[method] for method in results.methods)
    return Table(caption, ("Contrast", "σ", "Volumes"), columns, tuple(body))


def difference_table(results: Results, metric: str) -> Table:
    """Network minus each other method inside the head, with bootstrap intervals over subjects."""
    cells = {
        (row.sigma, row.method): row
        for row in differences(results)
        if (row.contrast, row.region, row.metric) == (ALL, "head", metric)
    }
    body = [
        Row(
            (f"{sigma:g}",),
            tuple(_difference_cell(cells[sigma, method], metric) for method in results.rivals),
        )
        for sigma in results.config.sigmas
    ]
    single = all(row.low is None for row in cells.values())
    interval = "" if single else f", {results.config.coverage} bootstrap interval over subjects"
    caption = (
        f"{METRIC_LABELS[metric]}, network minus {rival_word(results)}, {REGION_LABELS['head']}; "
        f"range: {data_range_label(results.config)}. Mean over volumes{interval}."
    )
    return Table(caption, ("σ",), _rival_labels(results), tuple(body))


def subject_table(results: Results) -> Table:
    """Network minus each other method for each subject: the same scans, the same noise."""
    table = subject_differences(results)
    body = [
        Row(
            (subject, f"{sigma:g}"),
            tuple(Cell(signed(table[subject][method][f"{sigma:g}"], 2)) for method in results.rivals),
            opens_group=sigma == results.config.sigmas[0],
        )
        for subject in results.subjects
        for sigma in results.config.sigmas
    ]
    caption = (
        f"PSNR (dB), network minus {rival_word(results)}, by subject, {REGION_LABELS['head']}; "
        f"range: {data_range_label(results.config)}."
    )
    return Table(caption, ("Subject", "σ"), _rival_labels(results), tuple(body))


def outer_band_table(scores: tuple[OuterBandScore, ...], config: EvaluationConfig) -> Table:
    """The test on measured k-space: one row a scan and image, scan by scan, one column a method."""
    methods = tuple(dict.fromkeys(score.method for score in scores))
    images = get_args(RawImage)
    groups: dict[str, dict[RawImage, list[OuterBandScore]]] = {}
    for score in sorted(scores, key=lambda score: images.index(score.image)):
        groups.setdefault(score.scan, {}).setdefault(score.image, []).append(score)
    body = [
        Row(
            (RAW_IMAGE_LABELS[image], scan, members[0].contrast, f"{100 * members[0].signal_fraction:.0f} %"),
            _outer_band_cells(members, methods),
            opens_group=image == next(iter(group)),
        )
        for scan, group in groups.items()
        for image, members in group.items()
    ]
    caption = (
        f"Fraction of the measured outer band recovered, with {config.coverage} bootstrap interval over "
        "tiles of k-space. Enhanced from the magnitude, and from the part in phase, as raw k-space is."
    )
    columns = tuple(METHOD_LABELS[method] for method in methods)
    return Table(caption, ("Image", "Scan", "Contrast", "Signal"), columns, tuple(body))


def _method_cells(rows: list[Summary], metric: str) -> tuple[Cell, ...]:
    places = decimals_of(metric)
    # Marked by what is printed: figures that look alike are both the best.
    printed = [round(row.mean, places) for row in rows]
    best = min(printed, key=lambda value: _distance(value, PERFECT[metric]))
    return tuple(
        Cell(signed(row.mean, places).removeprefix("+"), _spread(row, places), value == best)
        for row, value in zip(rows, printed, strict=True)
    )


def _distance(value: float, perfect: float) -> float:
    return -value if math.isinf(perfect) else abs(value - perfect)


def _spread(row: Summary, places: int) -> str:
    return "" if row.spread is None else f"± {row.spread:.{places}f}"


def _difference_cell(row: Summary, metric: str) -> Cell:
    places = decimals_of(metric)
    return Cell(signed(row.mean, places), _interval(row.low, row.high, places))


def _interval(low: float | None, high: float | None, places: int) -> str:
    return "" if low is None or high is None else f"{signed(low, places)} to {signed(high, places)}"


def _outer_band_cells(members: list[OuterBandScore], methods: tuple[str, ...]) -> tuple[Cell, ...]:
    by_method = {score.method: score for score in members}
    best = max((score.recovered for score in members if score.recovered is not None), default=0.0)
    return tuple(_outer_band_cell(by_method[method], best) for method in methods)


def _outer_band_cell(score: OuterBandScore, best: float) -> Cell:
    if score.recovered is None:
        return Cell("not measurable")
    is_best = round(score.recovered, 2) == round(best, 2)
    if score.method == COMPLEX_ZERO_FILL:
        return Cell("0", "by definition", is_best)
    return Cell(signed(score.recovered, 2), _interval(score.low, score.high, 2), is_best)


def _volumes(row: Summary) -> str:
    return f"{row.volumes} ({row.subjects} {'subject' if row.subjects == 1 else 'subjects'})"


def _rival_labels(results: Results) -> tuple[str, ...]:
    return tuple(METHOD_LABELS[method] for method in results.rivals)
