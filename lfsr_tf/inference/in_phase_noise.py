"""What noise does to the mean and the variance of the part in phase (`physics.phase`).

With signal s and noise sigma n the direction is that of s + sigma r m, where m is n as the low-pass leaves
it, brought back to unit power, and r is what is left of its amplitude. So n = rho m + sqrt(1 - rho^2) g with
g independent of the direction, whose noise in the part in phase is Gaussian; the rest is summed over m by
quadrature, and values below 0 are set to 0. r and rho are the root mean square of the low-pass's weights and
their mean over it: 0.31 and 0.62. In air this leaves a mean of 0.87 sigma, where a magnitude has 1.25.

All of it is for one coil. More coils find a direction in their noise more easily, so that air keeps more.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from lfsr_tf.physics.settings import PHASE_WIDTH

Array = NDArray[np.float64]
# Beyond this signal-to-noise ratio the noise is Gaussian to 0.4 % of sigma.
_LARGEST_RATIO, _RATIOS, _NODES = 40.0, 401, 48


def in_phase_moments(signal: Array, sigma: float) -> tuple[Array, Array]:
    """Mean and mean square of the part in phase of one coil.

    Args:
        signal: Noise-free, not negative.
        sigma: Standard deviation of the noise of one channel, in the same unit.
    """
    ratios, excess, variance = _table()
    mean = signal + sigma * np.interp(signal / sigma, ratios, excess)
    return mean, np.square(mean) + sigma**2 * np.interp(signal / sigma, ratios, variance)


@functools.cache
def _table() -> tuple[Array, Array, Array]:
    """Signal-to-noise ratios, the mean less the signal, and the variance, in units of the noise."""
    ratios = np.linspace(0.0, _LARGEST_RATIO, _RATIOS)
    moments = np.array([_moments(ratio) for ratio in ratios])
    return ratios, moments[:, 0] - ratios, moments[:, 1] - np.square(moments[:, 0])


def _moments(ratio: float) -> tuple[float, float]:
    """Mean and mean square where the signal is `ratio` times the noise: Gauss-Hermite quadrature over m."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weight = np.outer(weights, weights) / weights.sum() ** 2
    kept, share = _low_pass()
    noise = nodes[:, None] + 1j * nodes[None, :]
    smooth = ratio + kept * noise
    direction = smooth / np.maximum(np.abs(smooth), np.finfo(float).tiny)
    in_phase = ((ratio + share * noise) * direction.conj()).real
    mean, power = _rectified(in_phase, np.sqrt(1.0 - share**2))
    return float((weight * mean).sum()), float((weight * power).sum())


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
