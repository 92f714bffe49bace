"""How noisy a given scan is: sigma, the standard deviation of the noise of one channel, in image units.

Outside the object a magnitude image holds noise alone, and its statistics are known: Rayleigh for one coil,
and for the root sum of squares of n coils the central chi distribution with mean(m^2) = 2 n sigma^2 (H.
Gudbjartsson and S. Patz, MRM 34, 1995; C. D. Constantinides et al., MRM 38, 1997). `background` finds that
part; where nothing is distributed like noise (skull-stripped, defaced or masked images), or only what is not
the darkest (textured tissue that fills the image), sigma is unknown, and said to be.

Complex data is measured in the same way. Its finest diagonal high-pass is only the fallback for data without
background: the noise of real scanners is not white (receiver filters damp the rim of k-space), and at 0.055
T the high-pass, which sees the corners of k-space alone, comes out up to a fifth too low.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ConfigError
from lfsr_tf.physics.background import BLOCK, background_noise, median
from lfsr_tf.physics.coil_noise import CombinedNoise, combined_noise, root_mean_square
from lfsr_tf.physics.fourier import ifft2c

TYPICAL_NOISE_LEVEL = 0.03
"""What a network is told where no noise can be measured: the middle of what 0.055 T scans have."""

_MOSTLY_ZERO = 0.15


@dataclass(frozen=True)
class NoiseEstimate:
    """What is known of a scan's noise.

    Attributes:
        sigma: Standard deviation of one channel in image units, or None if it cannot be known.
        method: "background", "high-pass", or "unknown".
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
    if min(images.shape[-2:]) < BLOCK:
        return NoiseEstimate(None, "unknown", coils, f"the image is smaller than {BLOCK} pixels")
    noise = background_noise(images, coils=coils)
    sigma, fraction = float(noise.sigma[0]), 100.0 * float(noise.fraction[0])
    if math.isfinite(sigma):
        return NoiseEstimate(sigma, "background", coils, f"{fraction:.0f} % of the image area is background")
    zeros = float(tf.reduce_mean(tf.cast(images == 0, tf.float32)))
    if zeros > _MOSTLY_ZERO:
        reason = f"the background is masked: {100.0 * zeros:.0f} % of the voxels are exactly zero"
    else:
        reason = "the darkest part of the image is not distributed like noise"
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
        The estimate in the units of the image: from the background where there is one, else from the finest
        diagonal high-pass; of several coils with the method and the reason of the first.

    Raises:
        ConfigError: The image is not complex or has fewer than two axes.
    """
    image = tf.convert_to_tensor(image)
    if not image.dtype.is_complex:
        raise ConfigError(
            f"Expected a complex image. Received: {image.dtype.name}; use estimate_sigma_magnitude."
        )
    if coil_axis is not None:
        estimates = [_estimate_together(coil) for coil in tf.unstack(image, axis=coil_axis)]
        sigmas = [estimate.sigma for estimate in estimates if estimate.sigma is not None]
        if len(sigmas) == len(estimates) > 0:
            combined = _combined(np.moveaxis(image.numpy(), coil_axis, -3), sigmas, coils)
            return replace(estimates[0], sigma=combined.sigma, coils=combined.coils)
        return replace(_estimate_together(image), coils=len(estimates))
    return _estimate_together(image)


def _combined(images: NDArray[np.complex64], sigmas: list[float], coils: float | None) -> CombinedNoise:
    sigma = root_mean_square(sigmas)
    if coils is not None:
        return CombinedNoise.of(sigma, len(sigmas), coils)
    return combined_noise(images.reshape(-1, *images.shape[-3:]), sigma)


def _estimate_together(image: tf.Tensor) -> NoiseEstimate:
    images = _as_stack(image)
    estimate = estimate_sigma_magnitude(tf.abs(images))
    if estimate.sigma is not None:
        return estimate
    sigma = float(high_pass_sigma(images))
    if not sigma > 0.0:
        return estimate
    return NoiseEstimate(sigma, "high-pass", 1, f"{estimate.reason}; white noise is assumed")


def estimate_sigma_kspace(kspace: tf.Tensor, *, coil_axis: int | None = None) -> NoiseEstimate:
    """Estimate the noise of centred k-space [..., H, W], in units of the image `ifft2c(kspace)`.

    Args:
        kspace: Complex samples.
        coil_axis: As of `estimate_sigma_complex`.
    """
    return estimate_sigma_complex(ifft2c(kspace), coil_axis=coil_axis)


def high_pass_sigma(image: tf.Tensor, *, per_image: bool = False) -> tf.Tensor:
    """Median absolute deviation of the finest diagonal Haar coefficients of both channels, over 0.6745.

    Exact for white noise alone, and nearly so on smooth objects (D. L. Donoho and I. M. Johnstone, Biometrika
    81, 1994). Fine detail all over the image raises it: on real slices of 1.5 and 3 mm that the head fills it
    is 1.04 to 2.15 times too high, by the less the more noise there is (1.16 to 1.62 times at a sigma of 0.03
    of the 99.9th percentile, 1.07 to 1.34 at 0.06).

    Args:
        image: Complex [N, H, W].
        per_image: One sigma for each image instead of one for all.

    Returns:
        float32 [], or [N] with `per_image`.
    """
    columns = image[..., 1:] - image[..., :-1]
    diagonal = (columns[..., 1:, :] - columns[..., :-1, :]) / 2
    parts = tf.abs(tf.stack([tf.math.real(diagonal), tf.math.imag(diagonal)], axis=1))
    groups = tf.shape(parts)[0] if per_image else 1
    values = tf.reshape(parts, [groups, tf.size(parts) // tf.maximum(groups, 1)])
    sigma = tf.cast(median(values, tf.ones_like(values, tf.bool)), tf.float32) / 0.6745
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


def _as_stack(image: tf.Tensor) -> tf.Tensor:
    if image.shape.rank < 2:
        raise ConfigError(f"Expected an image [..., H, W]. Received shape: {tuple(image.shape)}.")
    return tf.reshape(image, [-1, *image.shape[-2:]])
