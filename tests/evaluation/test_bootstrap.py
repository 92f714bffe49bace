"""Bootstrap intervals: laws, degenerate cases, and how often they hold the truth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lfsr_tf.errors import ConfigError
from lfsr_tf.evaluation.bootstrap import Interval, bootstrap, means_over_clusters

SETTINGS = {"samples": 1000, "confidence": 0.95, "seed": 0}
RNG = np.random.default_rng(0)


def names(count: int) -> list[str]:
    return [f"subject{number}" for number in range(count)]


def interval_of(values: np.ndarray, clusters: Sequence[str], **settings: Any) -> Interval:
    [found] = means_over_clusters(values[:, np.newaxis], clusters, **settings)
    return found


def test_the_interval_surrounds_the_mean_and_repeats() -> None:
    values = RNG.standard_normal(20)
    first = interval_of(values, names(20), **SETTINGS)
    assert first.low < first.estimate < first.high
    assert first.estimate == pytest.approx(values.mean())
    assert first == interval_of(values, names(20), **SETTINGS)


def test_the_order_of_values_does_not_matter_for_the_mean() -> None:
    values = RNG.standard_normal(6)
    clusters = ["a", "a", "b", "b", "c", "c"]
    order = [5, 3, 1, 4, 2, 0]
    shuffled = interval_of(values[order], [clusters[index] for index in order], **SETTINGS)
    assert shuffled.low == pytest.approx(interval_of(values, clusters, **SETTINGS).low)


def test_equal_values_give_an_interval_without_width() -> None:
    assert interval_of(np.full(5, 2.5), names(5), **SETTINGS) == Interval(2.5, 2.5, 2.5, 5)


def test_one_subject_gives_no_interval_however_many_volumes_there_are() -> None:
    assert interval_of(np.array([1.0, 2.0, 6.0]), ["a"] * 3, **SETTINGS) == Interval(3.0, None, None, 1)


def test_no_value_is_an_error() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        interval_of(np.array([]), [], **SETTINGS)


def test_more_volumes_of_the_same_subjects_do_not_narrow_the_interval() -> None:
    values = RNG.standard_normal(8)
    once = interval_of(values, names(8), **SETTINGS)
    repeated = interval_of(np.repeat(values, 10), np.repeat(names(8), 10).tolist(), **SETTINGS)
    assert repeated.high - repeated.low == pytest.approx(once.high - once.low)


def ends(found: list[Interval]) -> np.ndarray:
    return np.array([(one.low, one.high) for one in found])


@pytest.mark.parametrize("subjects", [2, 7, 60])
def test_every_column_has_the_interval_that_it_has_alone(subjects: int) -> None:
    clusters = [*names(subjects), *names(subjects // 2)]
    values = RNG.standard_normal((len(clusters), 23)) + 5.0
    together = means_over_clusters(values, clusters, **SETTINGS)
    alone = [interval_of(column, clusters, **SETTINGS) for column in values.T]
    assert [one.estimate for one in together] == [one.estimate for one in alone]
    # But for the order in which a matrix product adds up.
    np.testing.assert_allclose(ends(together), ends(alone), rtol=1e-12)


def test_columns_in_portions_of_bounded_memory_have_the_same_intervals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values, clusters = RNG.standard_normal((20, 7)) + 5.0, names(20)
    whole = means_over_clusters(values, clusters, **SETTINGS)
    monkeypatch.setattr("lfsr_tf.evaluation.bootstrap._FIGURES_AT_ONCE", 2 * SETTINGS["samples"])
    np.testing.assert_allclose(
        ends(means_over_clusters(values, clusters, **SETTINGS)), ends(whole), rtol=1e-12
    )


def test_a_wider_confidence_gives_a_wider_interval() -> None:
    values = RNG.standard_normal(12)
    narrow = interval_of(values, names(12), **{**SETTINGS, "confidence": 0.5})
    wide = interval_of(values, names(12), **SETTINGS)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_ratio_of_sums_is_estimated_from_the_sums() -> None:
    totals = np.abs(RNG.standard_normal((40, 2))) + 1.0
    [found] = bootstrap(totals, lambda sums: sums[..., :1] / sums[..., 1:], **SETTINGS)
    assert found.estimate == pytest.approx(totals[:, 0].sum() / totals[:, 1].sum())
    assert found.low < found.estimate < found.high


def coverage(subjects: int, volumes: Sequence[int] | None = None, trials: int = 400) -> float:
    """How often the 95 % interval holds the true mean, 0, of normally distributed subjects."""
    rng = np.random.default_rng(1)
    member = list(range(subjects)) if volumes is None else list(volumes)
    clusters = [names(subjects)[one] for one in member]
    hits = 0
    for trial in range(trials):
        values = rng.standard_normal(subjects)[member]
        found = interval_of(values, clusters, samples=400, confidence=0.95, seed=trial)
        hits += found.low <= 0.0 <= found.high
    return hits / trials


@pytest.mark.parametrize("subjects", [2, 3, 5, 11, 40])
def test_intervals_hold_the_truth_about_as_often_as_they_say(subjects: int) -> None:
    # Percentiles alone: 0.5, 0.77, 0.85, 0.9 and 0.93.
    assert 0.9 < coverage(subjects) < 0.98


def test_people_with_more_volumes_do_not_make_it_false() -> None:
    people = [0, 0, 0, 1, 1, 1, 2, 3, 4]
    assert 0.9 < coverage(5, volumes=people) < 0.98


def test_the_interval_of_a_normal_mean_is_that_of_student() -> None:
    values = np.random.default_rng(3).standard_normal(30)
    found = interval_of(values, names(30), samples=40_000, confidence=0.9, seed=0)
    student = stats.t.interval(0.9, 29, loc=values.mean(), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx(student, abs=0.02)


def test_portions_draw_what_one_draw_would(monkeypatch: pytest.MonkeyPatch) -> None:
    totals = RNG.standard_normal((50, 2)) + 5.0
    [whole] = bootstrap(totals, lambda sums: sums[..., :1] / sums[..., 1:], **SETTINGS)
    monkeypatch.setattr("lfsr_tf.evaluation.bootstrap._DRAWN_AT_ONCE", 50 * 7)
    [portions] = bootstrap(totals, lambda sums: sums[..., :1] / sums[..., 1:], **SETTINGS)
    assert (portions.low, portions.high) == pytest.approx((whole.low, whole.high), rel=1e-12)
