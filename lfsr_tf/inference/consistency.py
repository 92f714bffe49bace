"""Does the result still agree with what was measured?

The result is degraded again, D F applied to it, and compared with the input in k-space, ring by ring. If
the result is the true object, the difference is the noise that the input carried, so its energy in each
ring, over that of the noise, is a chi-square per degree of freedom of 1. Clearly more means that the
network changed what was measured by more than its noise. Less means that part of the noise was kept:
zero-filling, which keeps all of it, is next to 0. A value near 1 is necessary for trust, not sufficient:
what lies beyond the measured k-space cannot be checked.

Magnitude images need care, because their noise is Rician: its mean is not zero where the signal is weak. The
input is therefore compared with the magnitude that the degraded result would have on average under that
noise, and normalised by the variance belonging to it (see `magnitude_mean`); likewise the part in phase (see
`in_phase_moments`). What is left of the caveat:
real noise is not white (at 0.055 T from a tenth to twice its mean between k-space columns), so rings of a
faultless result scatter between about 0.3 and 2, and sigma is itself an estimate; the innermost ring, which
holds the mean of the noise floor, answers to an error of 1 % in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.special import gammaln, hyp1f1, i0e, i1e

from lfsr_tf.inference.in_phase_noise import in_phase_moments
from lfsr_tf.physics.fourier import image_to_kspace
from lfsr_tf.physics.sampling import fourier_downsample
from lfsr_tf.physics.settings import RawImage

RINGS = 8


@dataclass(frozen=True)
class Ring:
    """Agreement in one ring of k-space.

    Attributes:
        inner: Inner radius, 0 at the centre, 1 at the Nyquist limit along either axis.
        outer: Outer radius; the last ring goes on into the corners.
        samples: Samples of k-space in the ring, over all slices.
        chi_square: Energy of the difference over that of the noise; None where sigma is not known.
        relative_difference: Root of the energy of the difference over that of the input.
    """

    inner: float
    outer: float
    samples: int
    chi_square: float | None
    relative_difference: float


def consistency_by_ring(
    lr: NDArray[np.float32],
    sr: NDArray[np.float32],
    sigma: float | None,
    *,
    image: RawImage = "magnitude",
    coils: float = 1,
    signed: bool = False,
) -> tuple[Ring, ...]:
    """Compare a result with the input it was made from.

    Args:
        lr: Slices given to the network, [N, h, w].
        sr: Result [N, H, W] in the same unit.
        sigma: Noise of one channel in `lr`, same unit; None when it is not known.
        image: What of the measurement the slices show.
        coils: Coils that the slices were combined from; an effective number where their noise is correlated
            (`combined_noise`).
        signed: Whether the file's values have a sign. They are then no magnitudes: their noise is Gaussian,
            and stays about 0. What `lr` holds does not tell: a magnitude that was cut rings below 0.

    Returns:
        Eight rings of equal width, from the centre of k-space outward.
    """
    # In units in which no square overflows.
    unit = np.float32(np.abs(lr).max(initial=0.0)) or np.float32(1.0)
    lr, sr, sigma = lr / unit, sr / unit, None if sigma is None else sigma / float(unit)
    ring_of = _ring_numbers(lr.shape[1], lr.shape[2])
    difference, measured, noise = np.zeros(RINGS), np.zeros(RINGS), 0.0
    for low, enlarged in zip(lr, sr, strict=True):
        degraded = _degraded(enlarged, low.shape)
        if signed:
            expected, variance = degraded.real, (sigma or 0.0) ** 2
        else:
            expected, variance = _expected(np.abs(degraded), sigma, image, coils)
        difference += np.bincount(ring_of, _energy(low - expected), RINGS)
        measured += np.bincount(ring_of, _energy(low), RINGS)
        noise += variance / len(lr)
    samples = np.bincount(ring_of, minlength=RINGS) * len(lr)
    relative = np.sqrt(difference / np.maximum(measured, np.finfo(float).tiny))
    return tuple(
        Ring(
            inner=index / RINGS,
            outer=(index + 1) / RINGS,
            samples=int(samples[index]),
            chi_square=float(difference[index] / samples[index] / noise) if noise > 0 else None,
            relative_difference=float(relative[index]),
        )
        for index in range(RINGS)
    )


def _ring_numbers(height: int, width: int) -> NDArray[np.int64]:
    """The ring of every sample of centred k-space, row by row."""
    rows = (np.arange(height) - height // 2) / (height / 2)
    columns = (np.arange(width) - width // 2) / (width / 2)
    radius = np.hypot(rows[:, None], columns[None, :])
    return np.minimum((radius * RINGS).astype(np.int64), RINGS - 1).ravel()


def _degraded(image: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.complex128]:
    return np.asarray(fourier_downsample(tf.constant(image), (shape[0], shape[1]))).astype(np.complex128)


def _energy(image: NDArray[np.float64]) -> NDArray[np.float64]:
    kspace = image_to_kspace(tf.constant(image, tf.float64)).numpy()
    return np.square(np.abs(kspace)).ravel()


def _expected(
    signal: NDArray[np.float64], sigma: float | None, image: RawImage, coils: float
) -> tuple[NDArray[np.float64], float]:
    """Means, and the mean variance, of what noise of `sigma` in each channel makes of `signal`."""
    if sigma is None or sigma <= 0:
        return signal, 0.0
    if image == "in_phase":
        mean, power = in_phase_moments(signal, sigma, coils)
    else:
        mean, power = magnitude_mean(signal, sigma, coils), np.square(signal) + 2 * coils * sigma**2
    variance = power - np.square(mean)
    # Where the signal is 1e8 times the noise the difference of the squares is rounding error alone.
    return mean, float(np.clip(variance, 0.0, sigma**2).mean())


def magnitude_mean(signal: NDArray[np.float64], sigma: float, coils: float = 1) -> NDArray[np.float64]:
    """Mean of the root sum of squares over coils of a signal with complex Gaussian noise.

    The non-central chi distribution's (Constantinides et al., Magn Reson Med 38, 1997, eq. 4), which for one
    coil is the Rice distribution's.

    Args:
        signal: Noise-free root sum of squares.
        sigma: Standard deviation of the noise of one channel of one coil, in the same unit.
        coils: Their number.
    """
    if coils == 1:
        x = np.square(signal / sigma) / 4.0
        # The scaled Bessel functions keep exp(-x) I(x) finite at any signal.
        return sigma * np.sqrt(np.pi / 2) * ((1 + 2 * x) * i0e(x) + 2 * x * i1e(x))
    floor = sigma * np.sqrt(2.0) * np.exp(gammaln(coils + 0.5) - gammaln(coils))
    return floor * hyp1f1(-0.5, coils, -np.square(signal / sigma) / 2.0)
