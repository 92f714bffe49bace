"""Figures of the studies, as SVG files that are the same bytes for the same figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lfsr_tf.evaluation import Picture
from lfsr_tf.storage import atomic_path

_STYLE = {
    "svg.hashsalt": "lfsr_tf",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    # Names of scans and contrasts are not ours: two dollar signs in one are no formula.
    "text.parse_math": False,
}


def intervals(
    values: Mapping[str, Sequence[Mapping[str, Any]]], groups: Sequence[str], label: str, path: Path
) -> None:
    """Dots with intervals: one group for each measured scan, one colour for each run.

    Args:
        values: By the run's title, a score with `recovered`, `low` and `high` for each group.
        groups: Names of the groups.
        label: Of the axis.
        path: The SVG file to write.
    """
    with _axes(path, height=1.5 + 0.1 * (len(groups) + 1) * (len(values) + 2)) as axes:
        step = 1.0 / (len(values) + 2)
        for row, (title, scores) in enumerate(values.items()):
            known = [(place, score) for place, score in enumerate(scores) if score["recovered"] is not None]
            places = [place + row * step for place, _ in known]
            middle = np.array([score["recovered"] for _, score in known])
            ends = np.array([[score["low"], score["high"]] for _, score in known]).T
            axes.errorbar(middle, places, xerr=np.abs(ends - middle), fmt="o", markersize=3, label=title)
        axes.axvline(0.0, color="0.6", linewidth=0.8)
        axes.set_yticks([place + 0.5 - step for place in range(len(groups))], groups)
        axes.invert_yaxis()
        axes.set_xlabel(label)
        axes.legend(frameon=False, bbox_to_anchor=(0.0, 1.0), loc="lower left", ncols=2)


def lines(
    values: Mapping[str, Sequence[float]], places: Sequence[str], labels: tuple[str, str], path: Path
) -> None:
    """One line for each entry over the same places.

    Args:
        values: Heights by what the legend says.
        places: Marks along the horizontal axis.
        labels: Of the horizontal axis and the vertical one.
        path: The SVG file to write.
    """
    with _axes(path, height=4.0) as axes:
        for title, heights in values.items():
            axes.plot(range(len(places)), heights, marker="o", markersize=3, label=title)
        axes.set_xticks(range(len(places)), places)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.legend(frameon=False, bbox_to_anchor=(1.0, 1.0), loc="upper left")


def scatter(
    groups: Mapping[str, Mapping[str, tuple[float, float]]], labels: tuple[str, str], path: Path
) -> None:
    """Named points, one colour for each group.

    Args:
        groups: By what the legend says, points (x, y) by their names.
        labels: Of the horizontal axis and the vertical one.
        path: The SVG file to write.
    """
    with _axes(path, height=5.0) as axes:
        for group, points in groups.items():
            places = np.array([*points.values()]).reshape(-1, 2)
            axes.scatter(places[:, 0], places[:, 1], s=14, label=group)
            for name, place in points.items():
                axes.annotate(name, place, xytext=(4, 3), textcoords="offset points", fontsize=8)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.margins(x=0.15)
        axes.legend(frameon=False, bbox_to_anchor=(0.0, 1.0), loc="lower left", ncols=2)


def panels(pictures: Sequence[Picture], methods: Sequence[str], path: Path) -> None:
    """One row a picture: LR, what each method makes of it, and HR.

    Args:
        pictures: Slices as every method shows them.
        methods: Names, in the order of the columns.
        path: The PNG file to write.
    """
    rows = {}
    for picture in pictures:
        shown = {f"{name}, {picture.psnr[name]:.1f} dB": picture.outputs[name] for name in methods}
        rows[picture.contrast] = {"LR": picture.lr, **shown, "HR": picture.hr}
    gallery(rows, path)


def gallery(
    rows: Mapping[str, Mapping[str, NDArray[np.float32]]], path: Path, square: Sequence[str] = ()
) -> None:
    """Images in rows, all in one window of grey from 0 to 1.

    Args:
        rows: By what stands beside a row, images by what stands above them.
        path: The PNG file to write.
        square: Titles of images with a square field of view, whatever their matrix; pixels of others are
            square.
    """
    columns = max(len(images) for images in rows.values())
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(1.9 * columns, 2.0 * len(rows)), layout="constrained")
        grid = figure.subplots(len(rows), columns, squeeze=False)
        for line, (name, images) in zip(grid, rows.items(), strict=True):
            for axes, (title, image) in zip(line, images.items(), strict=True):
                aspect = image.shape[1] / image.shape[0] if title in square else 1.0
                axes.imshow(image, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest", aspect=aspect)
                axes.set_title(title, fontsize=8)
                axes.set_xticks([])
                axes.set_yticks([])
            line[0].set_ylabel(name)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=130, metadata={"Software": None}, format="png")


@contextmanager
def _axes(path: Path, height: float) -> Iterator[Axes]:
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(8.0, height), layout="constrained")
        yield figure.add_subplot()
        with atomic_path(path) as temporary:
            figure.savefig(temporary, metadata={"Date": None})
