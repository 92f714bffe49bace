"""Figures of the studies, as SVG files that are the same bytes for the same figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any, cast

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from lfsr_tf.evaluation import Picture
from lfsr_tf.evaluation.report.labels import MARKERS
from lfsr_tf.storage import atomic_path

_STYLE = {
    "svg.hashsalt": "lfsr_tf",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    # Names of scans and contrasts are not ours: two dollar signs in one are no formula.
    "text.parse_math": False,
}
# Of Okabe and Ito, told apart with colour vision deficiency too; brown for their yellow, too pale on white.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#000000", "#d55e00", "#56b4e9", "#cc79a7", "#8c5a3c")
# Where a name may stand beside its point: points to the right and up, and which end of it lies there.
_BESIDE = (
    *(((5, 4), "left", "bottom"), ((6, 0), "left", "center"), ((5, -4), "left", "top")),
    *(((-5, 4), "right", "bottom"), ((-6, 0), "right", "center"), ((-5, -4), "right", "top")),
)


def intervals(
    values: Mapping[str, Sequence[Mapping[str, Any]]], groups: Sequence[str], label: str, path: Path
) -> None:
    """Dots with intervals: one group for each measured scan, one colour and marker for each run.

    Args:
        values: By the run's title, a score with `recovered`, `low` and `high` for each group.
        groups: Names of the groups.
        label: Of the axis.
        path: The SVG file to write.
    """
    with _axes(path, height=1.5 + 0.1 * (len(groups) + 1) * (len(values) + 2)) as axes:
        step = 1.0 / (len(values) + 2)
        for row, ((title, scores), (colour, marker)) in enumerate(
            zip(values.items(), _looks(), strict=False)
        ):
            known = [(place, score) for place, score in enumerate(scores) if score["recovered"] is not None]
            places = [place + row * step for place, _ in known]
            middle = np.array([score["recovered"] for _, score in known])
            ends = np.array([[score["low"], score["high"]] for _, score in known]).T
            sides = np.abs(ends - middle)
            axes.errorbar(middle, places, xerr=sides, fmt=marker, color=colour, markersize=4, label=title)
        axes.axvline(0.0, color="0.6", linewidth=0.8)
        axes.set_yticks([place + 0.5 - step for place in range(len(groups))], groups)
        axes.invert_yaxis()
        axes.set_xlabel(label)
        axes.legend(frameon=False, bbox_to_anchor=(0.0, 1.0), loc="lower left", ncols=2)


def lines(
    values: Mapping[str, Sequence[float]],
    places: Sequence[str],
    labels: tuple[str, str],
    path: Path,
    *,
    log: bool = False,
) -> None:
    """One line for each entry over the same places.

    Args:
        values: Heights by what the legend says.
        places: Numbers along the horizontal axis, as its marks show them.
        labels: Of the horizontal axis and the vertical one.
        path: The SVG file to write.
        log: Whether equal factors are as wide as each other, for numbers above 0.
    """
    numbers = [float(place) for place in places]
    with _axes(path, height=4.0) as axes:
        for (title, heights), (colour, marker) in zip(values.items(), _looks(), strict=False):
            axes.plot(numbers, heights, color=colour, marker=marker, markersize=4, label=title)
        axes.set_xscale("log" if log else "linear")
        axes.set_xticks(numbers, places)
        axes.set_xticks([], minor=True)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.legend(frameon=False, bbox_to_anchor=(1.0, 1.0), loc="upper left")


def scatter(
    groups: Mapping[str, Mapping[str, tuple[float, float]]], labels: tuple[str, str], path: Path
) -> None:
    """Named points, one colour and marker for each group.

    Args:
        groups: By what the legend says, points (x, y) by their names.
        labels: Of the horizontal axis and the vertical one.
        path: The SVG file to write.
    """
    with _axes(path, height=5.0) as axes:
        for (group, points), (colour, marker) in zip(groups.items(), _looks(), strict=False):
            places = np.array([*points.values()]).reshape(-1, 2)
            axes.scatter(places[:, 0], places[:, 1], s=18, color=colour, marker=marker, label=group)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.margins(x=0.15)
        axes.legend(frameon=False, bbox_to_anchor=(0.0, 1.0), loc="lower left", ncols=2)
        _name_points(axes, [point for points in groups.values() for point in points.items()])


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


def _looks() -> Iterator[tuple[str, str]]:
    """Colours and markers of one series after the other."""
    return zip(cycle(_COLOURS), cycle(MARKERS), strict=False)


def _name_points(axes: Axes, points: Sequence[tuple[str, tuple[float, float]]]) -> None:
    """Names beside their points, each on the first side where nothing else lies, or to the right above."""
    cast(Figure, axes.figure).draw_without_rendering()
    centres = axes.transData.transform([place for _, place in points])
    taken = [Bbox.from_extents(*(centre - 4), *(centre + 4)) for centre in centres]
    # From above to below, so that of two close points the upper one has its name above.
    for name, place in sorted(points, key=lambda point: -point[1][1]):
        taken.append(_named(axes, name, place, taken))


def _named(axes: Axes, name: str, place: tuple[float, float], taken: Iterable[Bbox]) -> Bbox:
    texts = [
        axes.annotate(name, place, xytext=offset, textcoords="offset points", ha=ha, va=va, fontsize=8)
        for offset, ha, va in _BESIDE
    ]
    boxes = [text.get_window_extent() for text in texts]
    free = [index for index, box in enumerate(boxes) if not any(map(box.overlaps, taken))]
    chosen = free[0] if free else 0
    for index, text in enumerate(texts):
        if index != chosen:
            text.remove()
    return boxes[chosen]


@contextmanager
def _axes(path: Path, height: float) -> Iterator[Axes]:
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(8.0, height), layout="constrained")
        yield figure.add_subplot()
        with atomic_path(path) as temporary:
            figure.savefig(temporary, metadata={"Date": None})
