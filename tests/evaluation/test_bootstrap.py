"""Bootstrap intervals: laws, degenerate cases, and how often they hold the truth."""

import numpy as np
import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.evaluation.bootstrap import Interval, bootstrap, mean_over_clusters

SETTINGS = {"samples": 1000, "confidence": 0.95, "seed": 0}
RNG = np.random.default_rng(0)


def names(count: int) -> list[str]:
    return [f"subject{number}" for number in range(count)]


def test_the_interval_surrounds_the_mean_and_repeats() -> None:
    values = RNG.standard_normal(20)
    first = mean_over_clusters(values, names(20), **SETTINGS)
    assert first.low < first.estimate < first.high
    assert first.estimate == pytest.approx(values.mean())
    assert first == mean_over_clusters(values, names(20), **SETTINGS)


def test_the_order_of_values_does_not_matter_for_the_mean() -> None:
    values = RNG.standard_normal(6)
    clusters = ["a", "a", "b", "b", "c", "c"]
    order = [5, 3, 1, 4, 2, 0]
    shuffled = mean_over_clusters(values[order], [clusters[index] for index in order], **SETTINGS)
    assert shuffled.low == pytest.approx(mean_over_clusters(values, clusters, **SETTINGS).low)


def test_equal_values_give_an_interval_without_width() -> None:
    assert mean_over_clusters(np.full(5, 2.5), names(5), **SETTINGS) == Interval(2.5, 2.5, 2.5, 5)


def test_one_subject_gives_no_interval_however_many_volumes_there_are() -> None:
    assert mean_over_clusters(np.array([1.0, 2.0, 6.0]), ["a"] * 3, **SETTINGS) == Interval(
        3.0, None, None, 1
    )


def test_no_value_is_an_error() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        mean_over_clusters(np.array([]), [], **SETTINGS)


def test_more_volumes_of_the_same_subjects_do_not_narrow_the_interval() -> None:
    values = RNG.standard_normal(8)
    once = mean_over_clusters(values, names(8), **SETTINGS)
    repeated = mean_over_clusters(np.repeat(values, 10), np.repeat(names(8), 10).tolist(), **SETTINGS)
    assert repeated.high - repeated.low == pytest.approx(once.high - once.low)


def test_a_wider_confidence_gives_a_wider_interval() -> None:
    values = RNG.standard_normal(12)
    narrow = mean_over_clusters(values, names(12), **{**SETTINGS, "confidence": 0.5})
    wide = mean_over_clusters(values, names(12), **SETTINGS)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_ratio_of_sums_is_estimated_from_the_sums() -> None:
    totals = np.abs(RNG.standard_normal((40, 2))) + 1.0
    [found] = bootstrap(totals, lambda sums: sums[..., :1] / sums[..., 1:], **SETTINGS)
    assert found.estimate == pytest.approx(totals[:, 0].sum() / totals[:, 1].sum())
    assert found.low < found.estimate < found.high


def coverage(subjects: int, trials: int = 400) -> float:
    """How often the 95 % interval holds the true mean, 0, of normally distributed subjects."""
    rng = np.random.default_rng(1)
    hits = 0
    for trial in range(trials):
        found = mean_over_clusters(
            rng.standard_normal(subjects), names(subjects), samples=400, confidence=0.95, seed=trial
        )
        hits += found.low <= 0.0 <= found.high
    return hits / trials


def test_intervals_hold_the_truth_as_often_as_they_say_with_40_subjects() -> None:
    assert 0.90 < coverage(40) < 0.98


def test_intervals_of_5_subjects_are_too_narrow_as_the_documentation_warns() -> None:
    assert 0.77 < coverage(5) < 0.89


def test_portions_draw_what_one_draw_would(monkeypatch: pytest.MonkeyPatch) -> None:
    totals = RNG.standard_normal((50, 2)) + 5.0
    [whole] = bootstrap(totals, lambda sums: sums[..., :1] / sums[..., 1:], **SETTINGS)
    monkeypatch.setattr("lfsr_tf.evaluation.bootstrap._DRAWN_AT_ONCE", 50 * 7)
    [portions] = bootstrap(totals, lambda sums: sums[..., :1] / sums[..., 1:], **SETTINGS)
    assert (portions.low, portions.high) == pytest.approx((whole.low, whole.high), rel=1e-12)
