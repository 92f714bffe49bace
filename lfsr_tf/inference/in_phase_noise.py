"""What noise does to the mean and the variance of the part in phase (`physics.phase`).

A signal s in the shares c of C coils, a unit vector, has noise sigma n. Its direction is that of
s c + sigma r m, where m is n as the low-pass leaves it, brought back to unit power, and r is what is left of
its amplitude. So n = rho m + sqrt(1 - rho^2) g with g independent of the direction, whose noise in the part
in phase is Gaussian; the rest is summed over m by quadrature, along c in phase with the signal and across it
in the 2 C - 1 other channels, and values below 0 are set to 0. r and rho are the root mean square of the
low-pass's weights and their mean over it: 0.31 and 0.62. In air this leaves a mean of 0.87 sigma of one coil,
where a magnitude has 1.25; more coils find a direction in their noise more easily: 1.71 of four, 2.44 of
eight, where magnitudes have 2.74 and 3.94.

Of a uniform signal these are the moments to 0.02 sigma. What is left out is that the low-pass blurs: at an
edge the direction is that of the brighter side, so air beside tissue keeps less than is expected.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal
from scipy.special import ndtr

from lfsr_tf.physics.settings import PHASE_WIDTH

Array = NDArray[np.float64]
Nodes = tuple[Array, Array]
# Beyond this signal-to-noise ratio the noise of one coil is Gaussian to 0.4 % of sigma.
_LARGEST_RATIO, _RATIOS, _NODES = 40.0, 401, 48


def in_phase_moments(signal: Array, sigma: float, coils: float = 1) -> tuple[Array, Array]:
    """Mean and mean square of the part in phase.

    Args:
        signal: Noise-free root sum of squares over the coils, not negative.
        sigma: Standard deviation of the noise of one channel of one coil, in the same unit.
        coils: Their number, an effective one where their noise is correlated (`combined_noise`).
    """
    ratios, excess, variance = _table(coils)
    ratio = signal / sigma
    # Beyond the table the excess falls as the noise across the signal does, with 1 / ratio.
    beyond = np.maximum(ratio / _LARGEST_RATIO, 1.0)
    mean = signal + sigma * np.interp(ratio, ratios, excess) / beyond
    return mean, np.square(mean) + sigma**2 * np.interp(ratio, ratios, variance)


@functools.lru_cache(maxsize=16)
def _table(coils: float) -> tuple[Array, Array, Array]:
    """Signal-to-noise ratios, the mean less the signal, and the variance, in units of the noise."""
    ratios = np.linspace(0.0, _LARGEST_RATIO, _RATIOS)
    nodes, low_pass = (hermegauss(_NODES), _across(coils)), _low_pass()
    moments = np.array([_moments(ratio, *nodes, *low_pass) for ratio in ratios])
    return ratios, moments[:, 0] - ratios, moments[:, 1] - np.square(moments[:, 0])


def _moments(
    ratio: float, along_signal: Nodes, across_signal: Nodes, kept: float, share: float
) -> tuple[float, float]:
    """Mean and mean square where the signal is `ratio` times the noise: Gaussian quadrature over m."""
    (along, one), (across, other) = along_signal, across_signal
    along, weight = along[:, None], np.outer(one / one.sum(), other)
    length = np.maximum(np.hypot(ratio + kept * along, kept * across), np.finfo(float).tiny)
    in_phase = (ratio + share * along) * (ratio + kept * along) + share * kept * np.square(across)
    mean, power = _rectified(in_phase / length, np.sqrt(1.0 - share**2))
    return float((weight * mean).sum()), float((weight * power).sum())


def _across(coils: float) -> Nodes:
    """Nodes and weights of the length of m across the signal, in 2 C - 1 channels: a chi distribution.

    Half its square is gamma-distributed: Gauss-Laguerre quadrature by the eigenvalues of its Jacobi matrix,
    whose weights, unlike those of `scipy.special.roots_genlaguerre`, overflow for no number of coils.
    """
    order = np.arange(_NODES)
    beside = np.sqrt(order[1:] * (order[1:] + coils - 1.5))
    halves, vectors = eigh_tridiagonal(2.0 * order + coils - 0.5, beside)
    return np.sqrt(2.0 * halves), np.square(vectors[0])


def _low_pass() -> tuple[float, float]:
    """Root mean square of the weights, and their mean over it, over both axes of k-space."""
    along = np.exp(-np.square(np.linspace(-1.0, 1.0, 2001) / PHASE_WIDTH))
    power = float(np.square(along).mean())
    # Of two axes: the means multiply.
    return power, float(along.mean()) ** 2 / power


def _rectified(centre: Array, spread: float) -> tuple[Array, Array]:
    """Mean and mean square of max(x, 0), x Gaussian."""
    ratio = centre / spread
    positive, density = ndtr(ratio), np.exp(-0.5 * np.square(ratio)) / np.sqrt(2 * np.pi)
    mean = centre * positive + spread * density
    return mean, (np.square(centre) + spread**2) * positive + centre * spread * density
