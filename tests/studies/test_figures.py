"""The studies' figures: places are numbers, series differ in more than colour, names lie apart."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from studies.figures import intervals, lines, scatter

Draw = Callable[..., Axes]
SERIES = [f"run {number}" for number in range(8)]


@pytest.fixture
def axes_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Draw:
    """The axes that a function of the studies' figures has drawn and saved."""
    saved: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: Any, **settings: Any) -> None:
        save(figure, *arguments, **settings)
        saved.append(figure)

    monkeypatch.setattr(Figure, "savefig", keep)

    def draw(function: Callable[..., None], *arguments: Any, **settings: Any) -> Axes:
        function(*arguments, tmp_path / "figure.svg", **settings)
        (axes,) = saved.pop().axes
        return axes

    return draw


def test_lines_stand_over_numbers_and_marks_say_what_they_were_given_as(axes_of: Draw) -> None:
    axes = axes_of(lines, {"run": [1.0, 2.0, 3.0]}, ["0", "0.015", "0.06"], ("sigma", "dB"))
    assert list(axes.get_lines()[0].get_xdata()) == [0.0, 0.015, 0.06]
    assert list(axes.get_xticks()) == [0.0, 0.015, 0.06]
    assert [mark.get_text() for mark in axes.get_xticklabels()] == ["0", "0.015", "0.06"]


def test_factors_stand_over_a_logarithm_with_no_other_marks(axes_of: Draw) -> None:
    axes = axes_of(lines, {"run": [1.0, 2.0, 3.0]}, ["1", "3", "11"], ("people", "dB"), log=True)
    assert axes.get_xscale() == "log"
    assert [mark.get_text() for mark in axes.get_xticklabels()] == ["1", "3", "11"]
    assert len(axes.get_xticks(minor=True)) == 0


def look(line: Line2D) -> tuple[str, str]:
    return to_hex(line.get_color()), str(line.get_marker())


def assert_each_has_a_colour_and_a_marker_of_its_own(looks: list[tuple[str, str]]) -> None:
    assert len(looks) == len(SERIES)
    for own in zip(*looks, strict=True):
        assert len(set(own)) == len(SERIES)


def test_each_line_has_a_colour_and_a_marker_of_its_own(axes_of: Draw) -> None:
    axes = axes_of(lines, {name: [1.0, 2.0] for name in SERIES}, ["1", "2"], ("epoch", "dB"))
    assert_each_has_a_colour_and_a_marker_of_its_own([look(line) for line in axes.get_lines()])


def test_each_run_s_intervals_have_a_colour_and_a_marker_of_their_own(axes_of: Draw) -> None:
    score = {"recovered": 0.1, "low": 0.0, "high": 0.2}
    missing = {"recovered": None, "low": None, "high": None}
    scores = {name: [score, missing] for name in SERIES}
    axes = axes_of(intervals, scores, ["one", "two"], "recovered")
    assert_each_has_a_colour_and_a_marker_of_its_own([look(each[0]) for each in axes.containers])


def test_names_of_points_lie_on_no_other_name_and_no_point(axes_of: Draw) -> None:
    points = {"left": {"MAE": (0.057, 22.455), "zero-filling": (0.0, 22.14)}}
    points["right"] = {"Charbonnier": (0.058, 22.46), "non-local means": (0.0, 22.19), "MSE": (0.03, 22.2)}
    axes = axes_of(scatter, {**points, "far": {"best": (0.25, 24.0)}}, ("energy", "dB"))
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 6
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    frame = axes.get_figure().bbox
    places = axes.transData.transform([place for group in points.values() for place in group.values()])
    for box in boxes:
        assert not any(box.contains(*place) for place in places)
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1


def test_groups_of_points_differ_in_their_markers(axes_of: Draw) -> None:
    axes = axes_of(scatter, {"a": {"one": (0.0, 0.0)}, "b": {"two": (1.0, 1.0)}}, ("x", "y"))
    first, second = (marks.get_paths()[0].vertices.tolist() for marks in axes.collections)
    assert first != second


def test_names_of_points_above_each_other_keep_their_order(axes_of: Draw) -> None:
    column = {"low": (0.004, 22.14), "a name of some width": (0.004, 22.19), "high": (0.003, 22.25)}
    others = {"MS-SSIM": (0.032, 22.25), "best": (0.24, 23.78), "cubic": (0.05, 21.91)}
    axes = axes_of(scatter, {"methods": column, "others": others}, ("energy", "dB"))
    heights = {text.get_text(): text.get_window_extent().y0 for text in axes.texts}
    assert sorted(column, key=heights.__getitem__) == [*column]
