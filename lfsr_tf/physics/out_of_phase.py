"""Noise of complex images that tissue fills, from the channel across their phase.

What an MR image shows is real once its smooth phase is taken back (`phase`): the imaginary part holds noise
and hardly any anatomy. What it does hold lies at both ends of k-space. The low frequencies have what the
low-pass missed of the phase; the rim has samples whose mirror image was not measured, where the phase turns
along the image. Details of about three pixels, between the two, show the noise. The low-pass takes a known
part of it.

There are two exceptions. Phase that jumps, as between fat and water, brings anatomy into the channel. And
where samples were filled in from their mirror images (partial Fourier, homodyne), most of the noise is in
phase. Anatomy has quiet places there, such noise has none. This finds the T1w scans at 0.055 T, whose
mirrored samples correlate by 0.72, but no such noise that fine anatomy hides all over the image.

Of real heads that fill the view, simulated with smooth phases and a sigma of 0.005 to 0.08 of the 99.9th
percentile, the figure is 0.97 to 1.8 times the true one, in the median 1.04; the high-pass has 1.05 to 9.8,
in the median 1.8.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy import ndimage

from lfsr_tf.physics.background import ROUNDING
from lfsr_tf.physics.fourier import image_to_kspace, kspace_to_image
from lfsr_tf.physics.phase import directions, low_pass, smooth_images

# Along each axis, both the constant and the alternating image give 0.
_DETAIL = (1.0, -1.0, -1.0, 1.0)
_SMALLEST_BLOCK = 16
_LEAST_PIXELS = 200
# Over sigma: where the smooth image is brighter, its phase is that of tissue.
_TISSUE = 2.5
# Detail in phase, over that out of phase: noise whose mirrored samples correlate by 0.38 has as much.
_LARGEST_RATIO = 1.5
# The same in the quietest windows, over that of all: symmetric noise has 1, that measured at 0.055 T 1.06 to
# 1.08; anatomy with a sigma of 0.02 to 0.07 has 0.6 to 0.9, a few scans up to 1.
_LARGEST_EVENNESS = 0.9
# Share of the windows that counts as quiet.
_QUIET = 0.05
_WINDOW = 6

Images = NDArray[np.complex64]
Real = NDArray[np.float64]
Mask = NDArray[np.bool_]


def out_of_phase_sigma(images: Images) -> float | None:
    """Noise of one channel of coils' images combined by their low frequencies.

    Args:
        images: complex64 [N, C, H, W], of the same coils.

    Returns:
        Its standard deviation in the unit of the images; None where tissue with a smooth phase is too small,
        or noise is found to be symmetric in k-space.
    """
    block = _about_the_peak(images)
    if min(block.shape[-2:]) < _SMALLEST_BLOCK:
        return None
    smooth = smooth_images(tf.constant(block))
    turned = np.sum(block * np.conj(directions(smooth).numpy()), axis=1)
    gain_in, gain_out = _gains(block.shape[-2:])
    in_phase, out = _detail(turned.real) / gain_in, _detail(turned.imag) / gain_out
    tissue = _tissue(np.linalg.norm(smooth.numpy(), axis=1), turned, out)
    if np.count_nonzero(tissue) < _LEAST_PIXELS or _is_symmetric(in_phase, out, tissue):
        return None
    return _deviation(out[tissue])


def _about_the_peak(images: Images) -> Images:
    """Images [N, C, h, w] of the largest block of k-space with the strongest sample at its centre.

    A peak beside the centre is a phase that turns along the image.
    """
    kspace = image_to_kspace(tf.constant(images)).numpy()
    power = np.square(np.abs(kspace)).sum(axis=(0, 1))
    peak = np.unravel_index(int(power.argmax()), power.shape)
    sides = [min(int(at), size - 1 - int(at)) for at, size in zip(peak, power.shape, strict=True)]
    rows, columns = (slice(int(at) - side, int(at) + side + 1) for at, side in zip(peak, sides, strict=True))
    block: Images = kspace_to_image(tf.constant(kspace[..., rows, columns])).numpy()
    return block


def _tissue(strength: Real, turned: Images, out: Real) -> Mask:
    """Pixels [N, h, w] around which there is signal, and no mask, as far as `_detail` sees."""
    strength = np.where(np.abs(turned) > ROUNDING * strength.max(), strength, 0.0)
    strength = ndimage.minimum_filter(strength, (1, len(_DETAIL), len(_DETAIL)), mode="wrap")
    bright = strength > np.median(strength[strength > 0.0]) if strength.any() else strength > 0.0
    sigma = _deviation(out[bright]) if bright.any() else 0.0
    return np.asarray(strength > _TISSUE * sigma) & (sigma > 0.0)


def _detail(images: NDArray[np.float32]) -> Real:
    along = ndimage.correlate1d(images.astype(np.float64), _DETAIL, axis=-1, mode="wrap")
    return np.asarray(ndimage.correlate1d(along, _DETAIL, axis=-2, mode="wrap"))


def _gains(shape: tuple[int, ...]) -> tuple[float, float]:
    """What `_detail` does to noise of sigma 1: in phase, and out of phase, where the low-pass took a part."""
    rows, columns = (np.square(np.abs(np.fft.fftshift(np.fft.fft(_DETAIL, size)))) for size in shape)
    power = rows[:, None] * columns[None, :]
    left = 1.0 - low_pass(tf.ones(shape, tf.complex64)).numpy().real
    return float(np.sqrt(power.mean())), float(np.sqrt((power * np.square(left)).mean()))


def _deviation(values: Real) -> float:
    """Standard deviation of Gaussian values about 0 from their median size."""
    return float(np.median(np.abs(values))) / 0.6745


def _is_symmetric(in_phase: Real, out: Real, tissue: Mask) -> bool:
    """Whether more noise is in phase than out of phase."""
    ratio = _deviation(in_phase[tissue]) / _deviation(out[tissue])
    if ratio < _LARGEST_RATIO:
        return False
    inside = ndimage.minimum_filter(tissue, (1, _WINDOW, _WINDOW), mode="wrap")
    if np.count_nonzero(inside) < _LEAST_PIXELS:
        return True
    return _quiet(in_phase, inside) / _quiet(out, inside) > _LARGEST_EVENNESS * ratio


def _quiet(images: Real, inside: Mask) -> float:
    """Root mean square of an image where it has least."""
    energy = ndimage.uniform_filter(np.square(images), (1, _WINDOW, _WINDOW), mode="wrap")
    return float(np.sqrt(np.quantile(energy[inside], _QUIET)))
