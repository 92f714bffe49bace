"""Noise power of measured k-space, sample by sample, from the background of its image.

Low-field noise is not white: filters and interference make its power vary by ten and more across the
columns of k-space, also along its rows, and by two along either axis of the image. The background of the
image is transformed by itself, row by row weighted up by the noise of the row that the head hides, so that
each image row counts as much as it would if it were background from end to end.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError
from lfsr_tf.physics.fourier import fft2c

# A row that the head nearly fills says too little about its noise.
_LEAST_ROW_FRACTION = 0.1
_LEAST_FRACTION = 0.1
# The profiles are smooth over this part of the image, and over more where there is little background. Much
# less follows the chance of single lines, which counts where a head leaves little air.
_SMOOTH_FRACTION = 0.12
# Rows and columns in turn, until both agree.
_TURNS = 30


def noise_power(images: NDArray[np.complex64], background: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Expected |noise|^2 of each sample of k-space.

    Args:
        images: complex64 [S, C, H, W], the centred image of each slice and coil.
        background: bool [S, H, W], where only noise is.

    Returns:
        float64 [S, C, H, W]; single samples scatter, sums over many do not.

    Raises:
        ScanError: The head fills nearly the whole image.
    """
    usable = background.mean(axis=2) >= _LEAST_ROW_FRACTION
    if background.mean() < _LEAST_FRACTION or not usable.any(axis=1).all():
        raise ScanError(
            f"Expected background in at least {_LEAST_FRACTION:.0%} of the image, to measure its noise. "
            f"Received: {background.mean():.0%}. Use k-space with a larger field of view."
        )
    rows, columns = _profiles(np.square(np.abs(images)).mean(axis=1), background)
    seen = background @ columns / columns.sum()
    usable &= seen > 0.0
    weight = background * (usable / np.sqrt(np.where(usable, seen, 1.0)))[:, :, np.newaxis]
    share = usable @ rows / rows.sum()
    share = np.where(share > 0.0, share, 1.0)  # slices without any noise
    weighted = images * weight[:, np.newaxis].astype(np.float32)
    kspace = fft2c(tf.constant(weighted, tf.complex64)).numpy()
    power = np.square(np.abs(kspace.astype(np.complex128)))
    return np.asarray(power / share[:, np.newaxis, np.newaxis, np.newaxis])


def _profiles(
    power: NDArray[np.floating], background: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How the noise power varies along both axes of the image: it is the product of rows [H] and columns [W].

    Args:
        power: [S, H, W], of the image.
        background: bool [S, H, W].
    """
    noise, counts = np.where(background, power, 0.0).sum(axis=0, dtype=np.float64), background.sum(axis=0)
    if not noise.any():
        return np.ones(noise.shape[0]), np.ones(noise.shape[1])
    rows, columns = np.full(noise.shape[0], np.log(noise.sum() / counts.sum())), np.zeros(noise.shape[1])
    for _ in range(_TURNS):
        rows = _better(rows, noise.sum(axis=1), counts @ np.exp(columns))
        columns = _better(columns, noise.sum(axis=0), np.exp(rows) @ counts)
    return np.exp(rows), np.exp(columns)


def _better(
    profile: NDArray[np.float64], energy: NDArray[np.float64], samples: NDArray[np.float64]
) -> NDArray[np.float64]:
    """One step of Newton's towards the smooth profile, in ln of power, that explains the energy of the lines.

    Poisson likelihood with a penalty on third differences: each line counts by how much background it holds,
    and where that is little or none the profile follows the parabola that its neighbours make.

    Args:
        profile: [lines], ln of power.
        energy: [lines], of the background.
        samples: [lines], the background's pixels, times the power that the other axis gives them.
    """
    expected = samples * np.exp(profile)
    bend = np.diff(np.eye(len(profile)), 3, axis=0)
    stiffness = expected.mean() * (_SMOOTH_FRACTION * len(profile)) ** 6 * bend.T @ bend
    step = np.linalg.solve(np.diag(expected) + stiffness, energy - expected - stiffness @ profile)
    return np.asarray(profile + step.clip(-1.0, 1.0))
