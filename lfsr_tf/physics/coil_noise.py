"""Noise of what receive coils are combined to, where the coils' noise is correlated.

Coils beside each other receive the same noise of the body. With the covariance Psi of their noise, the image
in the shares c of the coils, a unit vector, has noise of variance c^H Psi c, which is the mean of the coils'
variances only where Psi is a multiple of the identity (P. B. Roemer et al., MRM 16, 1990,
doi:10.1002/mrm.1910160203). The root sum of squares is then distributed as that of another number of coils
with noise of this variance, mostly of fewer, and the same noise power n sigma^2 in all (S. Aja-Fernández and
A. Tristán-Vega, Proceedings of the ISMRM 2011, 4550): `CombinedNoise` has these.

What rings from the object into the air is correlated like the object: where it is 100 times as bright as the
noise, sigma comes out 2 % too high, at 200 times 6 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy import ndimage

from lfsr_tf.physics.background import BAND
from lfsr_tf.physics.phase import directions, smooth_images

# Side of the window over which energy is averaged, in pixels.
_WINDOW = 5
# Of the shorter side of the matrix: this close to what is no noise, pixels may still show some of it.
_MARGIN = 1 / 32
# Of one channel, over that of the noise: pixels above show the object.
_OBJECT = 2.0
_LEAST_PIXELS = 200

Images = NDArray[np.complex64]
Mask = NDArray[np.bool_]


class CombinedNoise(NamedTuple):
    """What the combined image's noise is like.

    Attributes:
        sigma: Standard deviation of the noise of one channel where the object is, as far as the noise is the
            same all over the image.
        coils: Coils with independent noise of this sigma that have the same noise power together, 1 or more.
    """

    sigma: float
    coils: float

    @classmethod
    def of(cls, sigma: float, count: int, coils: float) -> CombinedNoise:
        """From the root mean square of `count` coils' noise and the effective number of coils."""
        return cls(sigma * math.sqrt(count / coils), coils)


def root_mean_square(sigmas: Sequence[float]) -> float:
    """Of the noise of coils, one or more: with each other they have so much as one of them has on average."""
    return math.hypot(*sigmas) / math.sqrt(len(sigmas))


def combined_noise(images: Images, sigma: float, noise: Images | None = None) -> CombinedNoise:
    """The noise of coils' images combined by their low frequencies, or by the root sum of squares.

    Args:
        images: complex64 [N, C, H, W], whose background shows how the coils' noise is correlated; not cut
            from more k-space, since ringing, too, is correlated.
        sigma: Root mean square of the coils' noise, of one channel.
        noise: Images of the noise alone, the same in all else, where there are such.

    Returns:
        sigma of the combined image and the effective number of coils; `sigma` and C where the images have no
        background, or no object.
    """
    count = images.shape[1]
    if count == 1 or sigma <= 0.0:
        return CombinedNoise(sigma, float(count))
    energy = np.stack([_energy(of_slice) for of_slice in images]) / sigma**2
    background = _inside((energy < BAND) & (energy > 1.0 / BAND))
    shows_object = _inside(energy > _OBJECT)
    if np.count_nonzero(background) < _LEAST_PIXELS or not shows_object.any():
        return CombinedNoise(sigma, float(count))
    covariance = _covariance(images if noise is None else noise, background)
    power = _mean_power(images, shows_object, covariance)
    # Of the mean of the coils' variances; at most their sum, where all coils receive the same noise.
    ratio = min(power * count / float(np.trace(covariance).real), float(count))
    return CombinedNoise.of(sigma, count, count / ratio)


def _energy(of_slice: Images) -> NDArray[np.float64]:
    """Of one channel, the mean over coils and the pixels around, [H, W]."""
    return np.asarray(ndimage.uniform_filter(np.square(np.abs(of_slice)).mean(axis=0) / 2.0, _WINDOW))


def _inside(mask: Mask) -> Mask:
    """Without the margin of every patch, so that small patches go altogether; images may end in one."""
    margin = max(_WINDOW // 2, round(min(mask.shape[1:]) * _MARGIN))
    around = (1, 2 * margin + 1, 2 * margin + 1)
    return np.asarray(ndimage.minimum_filter(mask, around, mode="constant", cval=1))


def _covariance(images: Images, mask: Mask) -> NDArray[np.complex128]:
    """Psi [C, C] of one channel over the pixels of the mask [N, H, W]."""
    total = np.zeros((images.shape[1],) * 2, np.complex128)
    for of_slice, inside in zip(images, mask, strict=True):
        pixels = of_slice[:, inside]
        total += pixels @ pixels.conj().T
    return total / (2.0 * np.count_nonzero(mask))


def _mean_power(images: Images, mask: Mask, covariance: NDArray[np.complex128]) -> float:
    """Mean of c^H Psi c over the pixels of the mask [N, H, W]."""
    total = 0.0
    for of_slice, inside in zip(images, mask, strict=True):
        if not inside.any():
            continue
        shares = directions(smooth_images(tf.constant(of_slice))).numpy()[:, inside]
        total += float((shares.conj() * (covariance @ shares)).real.sum())
    return total / int(np.count_nonzero(mask))
