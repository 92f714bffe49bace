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

from lfsr_tf.evaluation import Picture
from lfsr_tf.storage import atomic_path

_STYLE = {"svg.hashsalt": "lfsr_tf", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}


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


def panels(pictures: Sequence[Picture], methods: Sequence[str], path: Path) -> None:
    """One row a picture: LR, what each method makes of it, and HR, all in one window of grey.

    Args:
        pictures: Slices as every method shows them.
        methods: Names, in the order of the columns.
        path: The PNG file to write.
    """
    columns = ["LR", *methods, "HR"]
    size = (1.7 * len(columns), 1.8 * len(pictures))
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(len(pictures), len(columns), squeeze=False)
        for row, picture in zip(grid, pictures, strict=True):
            images = [picture.lr, *(picture.outputs[name] for name in methods), picture.hr]
            for axes, title, image in zip(row, columns, images, strict=True):
                axes.imshow(image, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
                axes.set_axis_off()
                psnr = picture.psnr.get(title)
                axes.set_title(title if psnr is None else f"{title}, {psnr:.1f} dB", fontsize=8)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=130, metadata={"Software": None}, format="png")


@contextmanager
def _axes(path: Path, height: float) -> Iterator[Axes]:
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(8.0, height), layout="constrained")
        yield figure.add_subplot()
        with atomic_path(path) as temporary:
            figure.savefig(temporary, metadata={"Date": None})
