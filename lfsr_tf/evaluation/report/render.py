"""One static HTML file: no network, no external file, readable with scripts switched off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from lfsr_tf import __version__
from lfsr_tf.errors import ConfigError
from lfsr_tf.evaluation.methods import MODEL
from lfsr_tf.evaluation.metrics import METRICS
from lfsr_tf.evaluation.outer_band import LEAST_SIGNAL_FRACTION
from lfsr_tf.evaluation.report import labels
from lfsr_tf.evaluation.report.curves import History, difference_curves, history_curves, metric_curves
from lfsr_tf.evaluation.report.images import ERROR_GAIN, Panel, panels, window_top
from lfsr_tf.evaluation.report.summary import headline, standings, verdicts
from lfsr_tf.evaluation.report.views import (
    Table,
    difference_table,
    metric_table,
    outer_band_table,
    subject_table,
)
from lfsr_tf.evaluation.results import Picture, Results
from lfsr_tf.storage import atomic_path

_FOLDER = Path(__file__).parent
_TEMPLATE = "report.html.jinja"
# The others stand in a part of the page that is closed at first.
_MAIN_METRICS = ("psnr", "ssim")
_MORE_METRICS = tuple(metric for metric in METRICS if metric not in _MAIN_METRICS)
# Metadata longer than this hides the rest of the table.
_LONGEST_VALUE = 200
# Of a setting or a range that is no whole number, at most.
_DIGITS = 3


@dataclass(frozen=True)
class FigureView:
    """One slice's panels, ready for the page."""

    key: str
    contrast: str
    sigma: float
    slice_index: int
    scan: str
    window: float
    panels: dict[str, Panel]
    psnr: dict[str, float]


def write_report(
    results: Results,
    pictures: tuple[Picture, ...],
    path: Path,
    *,
    history: History | None = None,
    title: str = "Super-resolution of low-field MR: evaluation",
) -> None:
    """Write the report, atomically.

    Args:
        results: From `evaluate`, with `outer_band` filled in where that test was made.
        pictures: Slices to show, mostly `results.pictures`.
        path: The HTML file.
        history: Columns of a run's `history.csv`, for the training curves.
        title: Headline of the page.

    Raises:
        ConfigError: The results compare other methods than a network, those of `against` and the baselines
            of their configuration.
        OutputError: The file cannot be written.
    """
    html = render_report(results, pictures, history=history, title=title)
    with atomic_path(path) as temporary:
        temporary.write_text(html, encoding="utf-8", errors="backslashreplace")


def render_report(
    results: Results, pictures: tuple[Picture, ...], *, history: History | None, title: str
) -> str:
    """The page as text; arguments as `write_report`."""
    _check_methods(results)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE).render(
        title=title,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        style=_packaged("style.css"),
        script=_packaged("slider.js"),
        results=results,
        labels=labels,
        history=Markup(history_curves(history)) if history else "",
        networks=_networks(results),
        **_figures(results),
        **_pictures(results, pictures),
    )


def _check_methods(results: Results) -> None:
    expected = (*results.rivals, MODEL)
    if set(results.methods) != set(expected):
        raise ConfigError(
            f"Expected results of `evaluate`, with the methods {', '.join(expected)}. "
            f"Received: {', '.join(results.methods)}."
        )


def _figures(results: Results) -> dict[str, Any]:
    """What the page says in numbers: verdicts, tables, curves."""
    found = verdicts(results)
    measured = results.outer_band
    return {
        "verdicts": found,
        "headline": headline(found),
        "standings": standings(results),
        "metrics": METRICS,
        "main_tables": [metric_table(results, metric, "head") for metric in _MAIN_METRICS],
        "more_metrics": labels.listed([labels.METRIC_LABELS[metric] for metric in _MORE_METRICS]),
        "more_tables": _more_tables(results),
        "difference_tables": [difference_table(results, metric) for metric in _MAIN_METRICS],
        "subject_table": subject_table(results),
        "outer_band": outer_band_table(measured, results.config) if measured else None,
        "least_signal": LEAST_SIGNAL_FRACTION,
        "curves": [Markup(curve) for curve in _curves(results)],
        "told": labels.noise_label(results),
    }


def _pictures(results: Results, pictures: tuple[Picture, ...]) -> dict[str, Any]:
    """What the page shows; the middle noise level is the one that is open at first."""
    middle_sigma = results.config.sigmas[len(results.config.sigmas) // 2]
    return {
        "figures": [_figure(picture) for picture in pictures],
        "middle_sigma": middle_sigma,
        "first_case": next((_key(picture) for picture in pictures if picture.sigma == middle_sigma), ""),
        "error_gain": ERROR_GAIN,
    }


def _more_tables(results: Results) -> list[Table]:
    head = [metric_table(results, metric, "head") for metric in _MORE_METRICS]
    return head + [metric_table(results, metric, "whole") for metric in METRICS]


def _curves(results: Results) -> list[str]:
    """Against the noise level; a single one gives no curve."""
    if len(results.config.sigmas) < 2:
        return []
    return [
        metric_curves(results, "psnr"),
        difference_curves(results, "psnr"),
        metric_curves(results, "ssim"),
    ]


def _key(picture: Picture) -> str:
    return f"{picture.contrast}-{picture.sigma:g}"


def _figure(picture: Picture) -> FigureView:
    return FigureView(
        key=_key(picture),
        contrast=picture.contrast,
        sigma=picture.sigma,
        slice_index=picture.slice_index,
        scan=picture.scan,
        window=window_top(picture),
        panels={panel.key: panel for panel in panels(picture)},
        psnr=picture.psnr,
    )


def _networks(results: Results) -> dict[str, list[tuple[str, str]]]:
    """What is known of each network, the one under test first."""
    networks = {labels.METHOD_LABELS[MODEL]: results.model, **results.against}
    return {name: _flat(_known(facts)) for name, facts in networks.items()}


def _known(model: dict[str, Any]) -> dict[str, Any]:
    """Metadata without steps that nobody counted."""
    return {name: value for name, value in model.items() if (name, value) != ("trained_steps", 0)}


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested metadata as name and text, for a table of two columns."""
    flat: list[tuple[str, str]] = []
    for name, value in values.items():
        label = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            flat += _flat(value, f"{label}: ")
        elif value not in (None, "", []):
            flat.append((label, _text(value, " to " if "_range_" in f"{name}_" else ", ")))
    return flat


def _text(value: object, separator: str = ", ") -> str:
    if isinstance(value, list):
        return separator.join(map(_text, value))
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    text = f"{value:.{_DIGITS}g}" if isinstance(value, float) else text
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _packaged(name: str) -> Markup:
    return Markup((_FOLDER / name).read_text(encoding="utf-8"))
