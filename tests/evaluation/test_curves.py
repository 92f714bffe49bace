"""The report's curves: that nothing of them is cut off or left undrawn."""

import dataclasses
import re
from collections.abc import Callable

import pytest
from matplotlib.axes import Axes
from matplotlib.textpath import TextPath

from lfsr_tf.evaluation import Results
from lfsr_tf.evaluation.report.curves import difference_curves, history_curves, metric_curves
from lfsr_tf.evaluation.report.labels import METHOD_LABELS

# Those of the legend begin at their place; the axes' are centred or end there.
_TEXT = re.compile(
    r'<text style="[^"]*text-anchor: start[^"]*" x="([-\d.]+)" y="([-\d.]+)"[^>]*>([^<]*)</text>'
)
FOUR = ("zero-fill", "cubic", "nlm", "nlm-biased")


def of(results: Results, contrasts: int, baselines: tuple[str, ...]) -> Results:
    """The scores of the first contrasts, each baseline with those of the first one."""
    config = dataclasses.replace(results.config, baselines=baselines)
    scores = [
        dataclasses.replace(score, method=method)
        for score in results.scores
        if score.contrast in results.contrasts[:contrasts]
        for method in (baselines if score.method == "zero-fill" else [score.method])
        if score.method in ("zero-fill", "model")
    ]
    return dataclasses.replace(results, config=config, scores=tuple(scores))


@pytest.mark.parametrize("draw", [metric_curves, difference_curves])
@pytest.mark.parametrize("contrasts", [1, 2])
@pytest.mark.parametrize("baselines", [FOUR[:1], FOUR[:3], FOUR])
def test_the_whole_legend_is_in_the_picture(
    results: Results, draw: Callable[[Results, str], str], contrasts: int, baselines: tuple[str, ...]
) -> None:
    svg = draw(of(results, contrasts, baselines), "psnr")
    (box,) = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    width, height = map(float, box)
    places = {text: (float(x), float(y)) for x, y, text in _TEXT.findall(svg)}
    assert {METHOD_LABELS[name] for name in baselines} <= set(places)
    for text, (x, y) in places.items():
        assert 0 < x < width - TextPath((0, 0), text, size=10).get_extents().width
        assert 0 < y < height


@pytest.mark.parametrize("draw", [metric_curves, difference_curves])
def test_the_legend_is_in_what_a_telephone_shows_of_a_chart(
    results: Results, draw: Callable[[Results, str], str]
) -> None:
    svg = draw(of(results, 2, FOUR), "psnr")
    # Of 390 pixels the page's margins take 46; a point is 4/3 pixels.
    shown = (390 - 46) * 3 / 4
    assert float(re.findall(r'viewBox="0 0 ([\d.]+) ', svg)[0]) > shown
    for x, _, text in _TEXT.findall(svg):
        assert float(x) + TextPath((0, 0), text, size=10).get_extents().width < shown


def test_intervals_stand_beside_each_other(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[tuple[float, float, float]] = []
    monkeypatch.setattr(Axes, "vlines", lambda axis, place, low, high, **_: bars.append((place, low, high)))
    shown = of(results, 1, FOUR[:3])
    difference_curves(shown, "psnr")
    sigmas = shown.config.sigmas
    assert len(bars) == len({place for place, _, _ in bars}) == 3 * len(sigmas)
    assert all(low < high for _, low, high in bars)
    for place, _, _ in bars:
        assert min(abs(place - sigma) for sigma in sigmas) <= 0.03 * max(sigmas)


def markers(svg: str) -> int:
    """How many points of a drawing have a mark of their own, those of its legend among them."""
    marks = re.findall(r'<path id="(m\w+)" d="[^"]*\bC[^"]*"', svg)
    return sum(svg.count(f'href="#{mark}"') for mark in marks)


def test_a_single_epoch_is_a_point() -> None:
    svg = history_curves({"loss": [0.02], "val_loss": [0.03], "psnr": [20.0], "val_psnr": [21.0]})
    assert markers(svg) == 4 + 2


def test_an_epoch_between_gaps_is_a_point_and_lines_have_none() -> None:
    gap = float("nan")
    assert markers(history_curves({"loss": [0.04, 0.03, 0.02], "val_loss": [0.03, gap, 0.02]})) == 2 + 1
    assert markers(history_curves({"loss": [0.04, 0.03, 0.02], "val_loss": [0.05, 0.03, 0.02]})) == 0


def test_epochs_are_counted_in_whole_numbers() -> None:
    ticks = re.findall(
        r'<text style="[^"]*" x="[^"]*" y="[^"]*"[^>]*>(\d+(?:\.\d+)?)</text>',
        history_curves({"psnr": [20.0, 21.0], "val_psnr": [1e3, 2e3]}),
    )
    assert {"1", "2"} <= set(ticks)
    assert not any("." in tick for tick in ticks)


def test_many_contrasts_stand_in_several_rows(results: Results) -> None:
    scores = tuple(
        dataclasses.replace(score, contrast=f"C{number}") for score in results.scores for number in range(7)
    )
    svg = metric_curves(dataclasses.replace(results, scores=scores), "psnr")
    (box,) = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    width, height = map(float, box)
    # No wider than a page's text, in which letters would be too small otherwise: 11 inches of 72 points.
    assert width <= 11.0 * 72
    assert height > 2 * 2.5 * 72
    assert all(f">{name}</text>" in svg for name in ("All", *(f"C{number}" for number in range(7))))
