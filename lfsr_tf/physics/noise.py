"""How noisy a given scan is: sigma, the standard deviation of the noise of one channel, in image units.

Outside the object a magnitude image holds noise alone, and its statistics are known: Rayleigh for one coil,
and for the root sum of squares of n coils the central chi distribution with mean(m^2) = 2 n sigma^2 (H.
Gudbjartsson and S. Patz, MRM 34, 1995; C. D. Constantinides et al., MRM 38, 1997). `background` finds that
part; where nothing is distributed like noise (skull-stripped, defaced or masked images), or only what is not
the darkest (textured tissue that fills the image), sigma is unknown, and said to be.

Complex data is measured in the same way. Where it has no background, the channel out of phase tells the noise
(`out_of_phase`), and where that cannot be trusted the finest diagonal high-pass does: too high by what the
anatomy has of fine detail, and too low where noise is not white (receiver filters damp the rim of k-space),
at 0.055 T by up to a fifth. Both are the noise of a pixel of the image as it is, parts of k-space that were
not measured included (`coverage`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ConfigError
from lfsr_tf.physics.background import BLOCK, background_noise, median, without_rounding
from lfsr_tf.physics.coil_noise import CombinedNoise, combined_noise, root_mean_square
from lfsr_tf.physics.coverage import diagonal_gain
from lfsr_tf.physics.fourier import ifft2c
from lfsr_tf.physics.out_of_phase import AcrossPhase

TYPICAL_NOISE_LEVEL = 0.03
"""What a network is told where no noise can be measured: the middle of what 0.055 T scans have."""

_MOSTLY_ZERO = 0.15
# Of a pixel's noise, what receiver filters leave to the high-pass. If it is less, what is out of phase is
# anatomy. Empty parts of k-space lower neither figure, unless a mask filled them.
_LEAST_HIGH_PASS = 0.8
# Of the noise that the other measurements find: what the background of a masked image may have.
_MOST_OF_MASKED = 1.25


@dataclass(frozen=True)
class NoiseEstimate:
    """What is known of a scan's noise.

    Attributes:
        sigma: Standard deviation of one channel in image units, or None if it cannot be known.
        method: "background", "out-of-phase", "high-pass", or "unknown".
        coils: Coils whose root sum of squares the image was taken to be; of complex coils, as many with
            independent noise as have the same noise together.
        reason: One sentence on where the figure comes from, or why there is none.
    """

    sigma: float | None
    method: str
    coils: float
    reason: str


def estimate_sigma_magnitude(image: tf.Tensor, *, coils: int = 1) -> NoiseEstimate:
    """Estimate the noise of a magnitude image or volume from its background.

    Args:
        image: Magnitude [..., H, W] of any real dtype; all its slices are taken together.
        coils: Coils whose root sum of squares it is; 1 for a single coil or an adaptive combination.

    Returns:
        The estimate in the units of the image, "unknown" where the background is masked.

    Raises:
        ConfigError: `coils` is not positive, or the image has fewer than two axes.
    """
    images = _as_stack(tf.convert_to_tensor(image))
    if coils < 1:
        raise ConfigError(f"Expected coils >= 1. Received: {coils}.")
    return _of_background(tf.cast(images, tf.float32), coils)


def _of_background(magnitude: tf.Tensor, coils: int) -> NoiseEstimate:
    """Of magnitudes [N, H, W]."""
    if min(magnitude.shape[-2:]) < BLOCK:
        return NoiseEstimate(None, "unknown", coils, f"the image is smaller than {BLOCK} pixels")
    noise = background_noise(magnitude, coils=coils)
    sigma, fraction = float(noise.sigma[0]), 100.0 * float(noise.fraction[0])
    if math.isfinite(sigma):
        return NoiseEstimate(sigma, "background", coils, f"{fraction:.0f} % of the image area is background")
    reason = "the darkest part of the image is not distributed like noise"
    if (zeros := _share_of_zeros(magnitude)) > _MOSTLY_ZERO:
        part = f"{100.0 * zeros:.0f} % of the voxels are zero, or as small as rounding"
        reason = f"the background is masked: {part}"
    return NoiseEstimate(None, "unknown", coils, reason)


def estimate_sigma_complex(
    image: tf.Tensor, *, coil_axis: int | None = None, coils: float | None = None
) -> NoiseEstimate:
    """Estimate the noise of complex images, one channel each.

    Args:
        image: Complex image [..., H, W]; slices are taken together.
        coil_axis: Along it lie coils, of which some are noisier than others, and whose noise may be
            correlated: each is measured by itself, and sigma is the noise of what they are combined to
            (`combined_noise`). None: all noise is alike.
        coils: Their effective number, where it was found in images of more k-space. None: it is found here.

    Returns:
        The estimate in the units of the image: from the background where there is one, else from the channel
        out of phase or the finest diagonal high-pass; of several coils with the method and the reason of the
        first that has no background, if there is one.

    Raises:
        ConfigError: The image is not complex or has fewer than two axes.
    """
    image = tf.convert_to_tensor(image)
    if not image.dtype.is_complex:
        raise ConfigError(
            f"Expected a complex image. Received: {image.dtype.name}; use estimate_sigma_magnitude."
        )
    if coil_axis is None:
        return _estimate_together(image)
    across = cache(lambda: AcrossPhase.of(_coil_stack(image, coil_axis)))
    each = enumerate(tf.unstack(image, axis=coil_axis))
    estimates = [_estimate_channel(_as_stack(coil), across, index) for index, coil in each]
    if not estimates or any(estimate.sigma is None for estimate in estimates):
        return replace(_estimate_together(image), coils=len(estimates))
    combined = _combined(_coil_stack(image, coil_axis), estimates, coils, across)
    shown = next((each for each in estimates if each.method != "background"), estimates[0])
    return replace(shown, sigma=combined.sigma, coils=combined.coils)


def _combined(
    images: NDArray[np.complex64],
    estimates: list[NoiseEstimate],
    coils: float | None,
    across_phase: Callable[[], AcrossPhase],
) -> CombinedNoise:
    sigma, count = root_mean_square([each.sigma or 0.0 for each in estimates]), len(estimates)
    if coils is not None:
        return CombinedNoise.of(sigma, count, coils)
    found = combined_noise(images, sigma)
    if found.coils != count or {each.method for each in estimates} - {"background"} != {"out-of-phase"}:
        return found
    # No air that all coils share shows how their noise is correlated.
    across = across_phase().sigma()
    if across is None:
        return found
    return CombinedNoise(across, min(max(count * (sigma / across) ** 2, 1.0), float(count)))


def _coil_stack(image: tf.Tensor, coil_axis: int) -> NDArray[np.complex64]:
    """Images [N, C, H, W]."""
    images = np.moveaxis(image.numpy(), coil_axis, -3)
    return images.reshape(-1, *images.shape[-3:])


def _estimate_together(image: tf.Tensor) -> NoiseEstimate:
    images = _as_stack(image)
    return _estimate_channel(images, lambda: AcrossPhase.of(images.numpy()[:, None]), 0)


def _estimate_channel(images: tf.Tensor, across_phase: Callable[[], AcrossPhase], coil: int) -> NoiseEstimate:
    """Of complex images [N, H, W] of one coil, whose noise out of phase is measured only if it is needed."""
    magnitude = tf.abs(images)
    estimate = _of_background(magnitude, 1)
    if estimate.sigma is not None and _share_of_zeros(magnitude) <= _MOSTLY_ZERO:
        return estimate
    images = without_rounding(images)
    without_air = _without_air(images, estimate.reason, across_phase, coil)
    if estimate.sigma is None or without_air.sigma is None:
        return without_air
    # Where a mask took the air, the darkest tissue may look like noise.
    return estimate if estimate.sigma <= _MOST_OF_MASKED * without_air.sigma else without_air


def _without_air(
    images: tf.Tensor, reason: str, across_phase: Callable[[], AcrossPhase], coil: int
) -> NoiseEstimate:
    """Of complex images [N, H, W] that show no background, as `reason` says."""
    finest = float(high_pass_sigma(images))
    if not finest > 0.0:
        return NoiseEstimate(None, "unknown", 1, reason)
    across = across_phase().sigma(coil)
    if across is None or finest < _LEAST_HIGH_PASS * across:
        return NoiseEstimate(finest, "high-pass", 1, f"{reason}; white noise is assumed")
    return NoiseEstimate(across, "out-of-phase", 1, f"{reason}; a smooth phase is assumed")


def estimate_sigma_kspace(kspace: tf.Tensor, *, coil_axis: int | None = None) -> NoiseEstimate:
    """Estimate the noise of centred k-space [..., H, W], in units of the image `ifft2c(kspace)`.

    Args:
        kspace: Complex samples.
        coil_axis: As of `estimate_sigma_complex`.
    """
    return estimate_sigma_complex(ifft2c(kspace), coil_axis=coil_axis)


def high_pass_sigma(image: tf.Tensor, *, per_image: bool = False) -> tf.Tensor:
    """Median absolute deviation of the finest diagonal Haar coefficients of both channels, over 0.6745.

    Exact for white noise alone, also where parts of k-space are empty, and nearly so on smooth objects (D. L.
    Donoho and I. M. Johnstone, Biometrika 81, 1994). Fine detail all over the image raises it: on real slices
    of 1.5 and 3 mm that the head fills it is 1.04 to 2.15 times too high, by the less the more noise there is
    (1.16 to 1.62 times at a sigma of 0.03 of the 99.9th percentile, 1.07 to 1.34 at 0.06).

    Args:
        image: Complex [N, H, W].
        per_image: One sigma for each image instead of one for all.

    Returns:
        float32 [], or [N] with `per_image`; what a mask made 0 does not count, and 0 is left where all is.
    """
    columns = image[..., 1:] - image[..., :-1]
    diagonal = (columns[..., 1:, :] - columns[..., :-1, :]) / 2
    parts = tf.abs(tf.stack([tf.math.real(diagonal), tf.math.imag(diagonal)], axis=1))
    filled = without_rounding(image, per_image=per_image) != 0
    filled = filled[:, 1:] & filled[:, :-1]
    inside = tf.repeat((filled[..., 1:] & filled[..., :-1])[:, None], 2, axis=1)
    groups = tf.shape(parts)[0] if per_image else 1
    shape = [groups, tf.size(parts) // tf.maximum(groups, 1)]
    middle = median(tf.reshape(parts, shape), tf.reshape(inside, shape))
    deviation = tf.cast(tf.where(tf.math.is_finite(middle), middle, 0.0), tf.float32) / 0.6745
    sigma = tf.math.divide_no_nan(deviation, diagonal_gain(image, per_image=per_image))
    return sigma if per_image else sigma[0]


def remove_rician_bias(magnitude: tf.Tensor, sigma: tf.Tensor | float, *, coils: float = 1) -> tf.Tensor:
    """Take the noise floor out of a magnitude: sqrt(max(m^2 - 2 n sigma^2, 0)) (Gudbjartsson and Patz 1995).

    Args:
        magnitude: Magnitudes of any shape.
        sigma: Noise of one channel, in the same units; broadcast against `magnitude`.
        coils: Coils whose root sum of squares it is.
    """
    magnitude = tf.convert_to_tensor(magnitude)
    floor = 2.0 * coils * tf.square(tf.cast(sigma, magnitude.dtype))
    return tf.sqrt(tf.maximum(tf.square(magnitude) - floor, 0.0))


def _share_of_zeros(images: tf.Tensor) -> float:
    """Of magnitudes; what is as small as rounding counts."""
    return float(tf.reduce_mean(tf.cast(without_rounding(images) == 0, tf.float32)))


def _as_stack(image: tf.Tensor) -> tf.Tensor:
    if image.shape.rank < 2:
        raise ConfigError(f"Expected an image [..., H, W]. Received shape: {tuple(image.shape)}.")
    return tf.reshape(image, [-1, *image.shape[-2:]])
