"""The report's curves: that nothing of them is cut off."""

import dataclasses
import re
from collections.abc import Callable

import pytest
from matplotlib.textpath import TextPath

from lfsr_tf.evaluation import Results
from lfsr_tf.evaluation.report.curves import difference_curves, metric_curves
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
