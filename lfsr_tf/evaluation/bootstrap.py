"""Bootstrap intervals: how much a mean would move with other subjects.

Slices and volumes of one person resemble each other, so whole subjects are resampled (the cluster bootstrap:
A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8), with
percentile intervals. Of few subjects these are too narrow, as resampling takes the spread of n for that of
n - 1 and knows nothing of Student's t (T. C. Hesterberg, "What teachers should know about the bootstrap",
The American Statistician 69, 2015, doi:10.1080/00031305.2015.1089789): 2 subjects give 50 %
instead of 95 %, 5 give 83 %. So their ends are moved away from the estimate by the factor between the two
intervals of a normal mean. That gives 91 to 96 % with 2 to 40 subjects whose figures are distributed
normally (measured in tests/evaluation/test_bootstrap.py). Of 2 or 3 they may reach beyond what is possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from lfsr_tf.errors import ConfigError

Values = NDArray[np.float64]
# Counts of drawn units that are held at once, 16 bytes each.
_DRAWN_AT_ONCE = 2**22
# Resampled figures that are held at once, about 32 bytes each.
_FIGURES_AT_ONCE = 2**22


@dataclass(frozen=True)
class Interval:
    """An estimate with its bootstrap interval.

    Attributes:
        estimate: The figure itself.
        low: Lower end; None with fewer than two units, from which no spread can be told.
        high: Upper end; None likewise.
        units: How many independent units were resampled.
    """

    estimate: float
    low: float | None
    high: float | None
    units: int


def bootstrap(
    totals: Values, statistics: Callable[[Values], Values], *, samples: int, confidence: float, seed: int
) -> list[Interval]:
    """Intervals of statistics of sums over units; one draw of the units serves them all.

    Args:
        totals: float64 [units, k], the k sums that each unit contributes.
        statistics: From summed totals [..., k] to figures [..., m].
        samples: Number of resamplings.
        confidence: Coverage, for example 0.95.
        seed: Of the resampling; the same seed gives the same intervals.

    Returns:
        The m estimates over all units, with their intervals.

    Raises:
        ConfigError: There is no unit.
    """
    units = len(totals)
    if units == 0:
        raise ConfigError("Expected at least one unit to resample. Received: none.")
    estimates = statistics(totals.sum(axis=0)).tolist()
    if units == 1:
        return [Interval(estimate, None, None, 1) for estimate in estimates]
    figures = statistics(np.concatenate(list(_resampled(totals, samples, seed))))
    ends = np.quantile(figures, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0], axis=0)
    ends = estimates + _stretch(units, confidence) * (ends - estimates)
    found = zip(estimates, *ends.tolist(), strict=True)
    return [Interval(estimate, low, high, units) for estimate, low, high in found]


def _stretch(units: int, confidence: float) -> float:
    """How much wider Student's interval of a mean is than the normal one by the spread of resampled means."""
    quantile = (1.0 + confidence) / 2.0
    return float(stdtrit(units - 1, quantile) / ndtri(quantile) * np.sqrt(units / (units - 1)))


def _resampled(totals: Values, samples: int, seed: int) -> Iterator[Values]:
    """Sums over units that are drawn with replacement, float64 [samples, k] in portions of bounded memory."""
    units = len(totals)
    generator, chances = np.random.default_rng(seed), np.full(units, 1.0 / units)
    portion = max(1, _DRAWN_AT_ONCE // units)
    for first in range(0, samples, portion):
        yield generator.multinomial(units, chances, size=min(portion, samples - first)) @ totals


def means_over_clusters(
    values: Values, clusters: Sequence[str], *, samples: int, confidence: float, seed: int
) -> list[Interval]:
    """Means over volumes with intervals from resampling whole clusters; one draw serves all columns.

    Args:
        values: float64 [n, k], k figures a volume.
        clusters: Names [n] of the volumes' clusters: their subjects.
        samples: Number of resamplings.
        confidence: Coverage.
        seed: Of the resampling.

    Returns:
        The k plain means, each as if it were computed alone; `units` counts the clusters.

    Raises:
        ConfigError: There is no volume.
    """
    names, member = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    portion = max(1, _FIGURES_AT_ONCE // samples)
    found: list[Interval] = []
    for first in range(0, values.shape[1], portion):
        columns = values[:, first : first + portion]
        totals = np.zeros((len(names), columns.shape[1] + 1))
        np.add.at(totals, member, np.concatenate([columns, np.ones((len(columns), 1))], axis=1))
        found += bootstrap(totals, _means_of_sums, samples=samples, confidence=confidence, seed=seed)
    return found


def _means_of_sums(sums: Values) -> Values:
    """From sums and, in the last column, their number."""
    return sums[..., :-1] / sums[..., -1:]
