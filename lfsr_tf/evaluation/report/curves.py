"""Curves of the report as SVG that stands in the page and takes the page's text colour, light or dark."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lfsr_tf.evaluation.report.labels import (
    METHOD_LABELS,
    METRIC_LABELS,
    colour_of,
    contrast_label,
    marker_of,
    rival_word,
    shown_contrasts,
)
from lfsr_tf.evaluation.results import Results
from lfsr_tf.evaluation.tables import Summary, differences, summaries

History = Mapping[str, Sequence[float]]

# Stand-ins that the page's style replaces.
_INK, _GRID = "#010203", "#040506"
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "lfsr",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": _GRID,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
}
# Inches: of the figure at least, of a panel, and of what stands beside the panels and of a line below them.
_LEAST_WIDTH, _PANEL_WIDTH, _MARGIN, _HEIGHT, _LEGEND_LINE = 4.6, 2.6, 0.6, 2.9, 0.22
# Points of a curve stand this part of the axis beside the next one's, so that their intervals are apart.
_SHIFT = 0.02
# Inches of the legend at most, where no name alone is wider: what a telephone shows of a chart at first.
_LEGEND_WIDTH = 3.5
# More beside each other would be shrunk on a page until their letters cannot be read.
_MOST_ABREAST = 4
_LOSS_COLOUR, _VALIDATION_COLOUR = "#8b93a1", "#2f81d6"


def metric_curves(results: Results, metric: str) -> str:
    """A metric inside the head against the noise level: a panel a contrast, a line a method.

    Returns:
        One `<svg>` element.
    """
    rows = summaries(results)
    with _panels(results, METRIC_LABELS[metric]) as (figure, axes):
        for axis, contrast in axes:
            for method in results.methods:
                _draw(axis, _line(rows, contrast, metric, method), method, results)
        return _svg(figure)


def difference_curves(results: Results, metric: str) -> str:
    """Network minus each other method inside the head, with bars for bootstrap intervals over subjects.

    Returns:
        One `<svg>` element.
    """
    gaps = differences(results)
    with _panels(results, f"{METRIC_LABELS[metric]}\nnetwork − {rival_word(results)}") as (figure, axes):
        for axis, contrast in axes:
            axis.axhline(0.0, color=_INK, linewidth=1.0)
            for method, shift in _shifts(results).items():
                _draw(axis, _line(gaps, contrast, metric, method), method, results, shift)
        return _svg(figure)


def history_curves(history: History) -> str:
    """Loss and validation PSNR against the epoch.

    Args:
        history: Columns of `history.csv`: "loss" and "val_loss", and "val_psnr" where there is one.

    Returns:
        One `<svg>` element, or nothing where the history has no epoch.
    """
    drawn = [
        names
        for names in (("loss", "val_loss"), ("psnr", "val_psnr"))
        if any(history.get(name) for name in names)
    ]
    if not drawn:
        return ""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(4.0 * len(drawn) + _MARGIN, _HEIGHT), layout="constrained")
        axes = figure.subplots(1, len(drawn), squeeze=False)[0]
        for axis, (training, validation) in zip(axes, drawn, strict=True):
            for name, colour, label in (
                (training, _LOSS_COLOUR, "training"),
                (validation, _VALIDATION_COLOUR, "validation"),
            ):
                _draw_epochs(axis, history.get(name, ()), colour, label)
            axis.set_xlabel("epoch")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axis.set_ylabel("loss" if training == "loss" else METRIC_LABELS["psnr"])
            axis.set_yscale("log" if training == "loss" else "linear")
        return _svg(figure)


def read_history(path: Path) -> dict[str, list[float]]:
    """Columns of a run's `history.csv`; empty cells and text are NaN, and there are none without a file."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return {name: [_number(row[name]) for row in rows] for name in (rows[0] if rows else {}) if name}


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


@contextmanager
def _panels(results: Results, label: str) -> Iterator[tuple[Figure, list[tuple[Axes, str]]]]:
    """One panel a contrast, all with one scale; the legend comes with the SVG."""
    contrasts = shown_contrasts(results)
    columns = min(len(contrasts), _MOST_ABREAST)
    rows = math.ceil(len(contrasts) / columns)
    with matplotlib.rc_context(_STYLE):
        width = max(_LEAST_WIDTH, _PANEL_WIDTH * columns + _MARGIN)
        figure = Figure(figsize=(width, _HEIGHT * rows), layout="constrained")
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
        axes = [*grid.flat][: len(contrasts)]
        for axis, contrast in zip(axes, contrasts, strict=True):
            # A contrast's name is a user's: two dollar signs in it are no formula.
            axis.set_title(contrast_label(contrast), parse_math=False)
            axis.set_xlabel("noise level σ")
        for axis in grid[:, 0]:
            axis.set_ylabel(label)
        for axis in [*grid.flat][len(contrasts) :]:
            axis.remove()
        yield figure, list(zip(axes, contrasts, strict=True))


def _line(rows: tuple[Summary, ...], contrast: str, metric: str, method: str) -> list[Summary]:
    wanted = (contrast, metric, "head", method)
    found = [row for row in rows if (row.contrast, row.metric, row.region, row.method) == wanted]
    return sorted(found, key=lambda row: row.sigma)


def _shifts(results: Results) -> dict[str, float]:
    """How far beside its noise level each rival's points stand."""
    sigmas = results.config.sigmas
    step, middle = _SHIFT * (max(sigmas) - min(sigmas)), (len(results.rivals) - 1) / 2.0
    return {method: step * (number - middle) for number, method in enumerate(results.rivals)}


def _draw(
    axis: Axes, points: list[Summary], method: str, results: Results, shift: float | None = None
) -> None:
    """A method's line; with a shift, each of its points stands beside its place and has its interval."""
    places, means = [row.sigma + (shift or 0.0) for row in points], [row.mean for row in points]
    colour, marker = colour_of(method, results.methods), marker_of(method, results.methods)
    axis.plot(places, means, color=colour, marker=marker, label=METHOD_LABELS[method])
    for place, row in zip(places, points, strict=True):
        if shift is not None and row.low is not None and row.high is not None:
            axis.vlines(place, row.low, row.high, color=colour, linewidth=1.2)


def _draw_epochs(axis: Axes, values: Sequence[float], colour: str, label: str) -> None:
    # A value with no number on either side has no line: it gets a point.
    known = [False, *map(math.isfinite, values), False]
    lone = [i for i in range(len(values)) if known[i + 1] and not known[i] and not known[i + 2]]
    epochs = range(1, len(values) + 1)
    axis.plot(epochs, values, color=colour, label=label, marker="o" if lone else "", markevery=lone or None)


def _add_legend(figure: Figure) -> None:
    """Below the first panels, in as many lines as its width asks for; the panels keep their height."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    for columns in range(len(labels), 0, -1):
        legend = figure.legend(handles, labels, loc="outside lower left", ncols=columns)
        for text in legend.get_texts():
            # A network's name is a user's, as a contrast's.
            text.set_parse_math(False)
        if columns == 1 or legend.get_window_extent().width <= _LEGEND_WIDTH * figure.dpi:
            lines = math.ceil(len(labels) / columns)
            figure.set_figheight(figure.get_figheight() + _LEGEND_LINE * (lines - 1))
            return
        legend.remove()


def _svg(figure: Figure) -> str:
    _add_legend(figure)
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    # The metadata and namespaces name web addresses, which a page for closed networks should not hold.
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Several figures stand in one page: their groups' names would clash.
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    return svg.replace(_INK, "currentColor").replace(_GRID, "var(--grid)")
