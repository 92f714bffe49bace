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
in the median 1.8. Where a quarter of the phase-encoding lines is empty, three such heads have 1.28 to 1.53 at
a sigma of 0.02 and 1.05 to 1.11 at 0.05: less detail is left to measure in.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy import ndimage

from lfsr_tf.physics.background import ROUNDING
from lfsr_tf.physics.coverage import measured_samples
from lfsr_tf.physics.fourier import image_to_kspace, kspace_to_image
from lfsr_tf.physics.intensity import reference_intensity
from lfsr_tf.physics.phase import directions, low_pass

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


class AcrossPhase(NamedTuple):
    """Images of coils, ready for the noise across the phase of any of them; made by `of`.

    Attributes:
        block: complex64 [N, C, h, w], images of the largest block of k-space with its strongest sample at the
            centre, without samples whose mirror image is empty. A peak beside the centre of k-space is a
            phase that turns along the image.
        smooth: complex64 [N, C, h, w], their low frequencies.
        gains: What `_detail` leaves of the noise of a pixel in phase and out of phase.
    """

    block: Images
    smooth: Images
    gains: tuple[float, float]

    @classmethod
    def of(cls, images: Images) -> AcrossPhase:
        """From complex64 [N, C, H, W], of the same coils."""
        kspace = image_to_kspace(tf.constant(images)).numpy()
        power = np.square(np.abs(kspace)).sum(axis=1)
        rows, columns = _about_the_peak(power.sum(axis=0))
        measured = measured_samples(power).numpy()
        # What was measured without its mirror image shows anatomy out of phase.
        paired = measured[:, rows, columns] * measured[:, rows, columns][:, ::-1, ::-1]
        cut = tf.constant(kspace[..., rows, columns] * paired[:, None])
        smooth = kspace_to_image(low_pass(cut)).numpy()
        gains = _gains(paired.mean(axis=0) / max(float(measured.mean()), math.ulp(0.0)))
        return cls(kspace_to_image(cut).numpy(), smooth, gains)

    def sigma(self, coil: int | None = None) -> float | None:
        """Noise of one channel of one coil, or of all of them combined by their low frequencies.

        Returns:
            Its standard deviation in a pixel of the images as they are, in their unit; None where tissue with
            a smooth phase is too small, or noise is found to be symmetric in k-space.
        """
        chosen = slice(None) if coil is None else slice(coil, coil + 1)
        block, smooth = self.block[:, chosen], self.smooth[:, chosen]
        if min(block.shape[-2:]) < _SMALLEST_BLOCK or min(self.gains) <= 0.0:
            return None
        turned = np.sum(block * np.conj(directions(tf.constant(smooth)).numpy()), axis=1)
        in_phase, out = (
            _detail(part) / gain for part, gain in zip((turned.real, turned.imag), self.gains, strict=True)
        )
        tissue = _tissue(np.linalg.norm(smooth, axis=1), turned, out)
        if np.count_nonzero(tissue) < _LEAST_PIXELS or _is_symmetric(in_phase, out, tissue):
            return None
        return _deviation(out[tissue])


def _about_the_peak(power: Real) -> tuple[slice, slice]:
    """The rows and columns of the largest block of k-space [H, W] with the strongest sample at its centre."""
    peak = np.unravel_index(int(power.argmax()), power.shape)
    sides = [min(int(at), size - 1 - int(at)) for at, size in zip(peak, power.shape, strict=True)]
    rows, columns = (slice(int(at) - side, int(at) + side + 1) for at, side in zip(peak, sides, strict=True))
    return rows, columns


def _tissue(strength: Real, turned: Images, out: Real) -> Mask:
    """Pixels [N, h, w] around which there is signal, and no mask, as far as `_detail` sees."""
    reference = float(reference_intensity(tf.constant(strength)))
    strength = np.where(np.abs(turned) > ROUNDING * reference, strength, 0.0)
    strength = ndimage.minimum_filter(strength, (1, len(_DETAIL), len(_DETAIL)), mode="wrap")
    bright = strength > np.median(strength[strength > 0.0]) if strength.any() else strength > 0.0
    sigma = _deviation(out[bright]) if bright.any() else 0.0
    return np.asarray(strength > _TISSUE * sigma) & (sigma > 0.0)


def _detail(images: NDArray[np.float32]) -> Real:
    along = ndimage.correlate1d(images.astype(np.float64), _DETAIL, axis=-1, mode="wrap")
    return np.asarray(ndimage.correlate1d(along, _DETAIL, axis=-2, mode="wrap"))


def _gains(measured: Real) -> tuple[float, float]:
    """What `_detail` leaves of a pixel's noise: in phase, and out of phase, where the low-pass took a part.

    Args:
        measured: Of the block's samples [h, w], the share of images that have them, over that of all k-space.
    """
    rows, columns = (np.square(np.abs(np.fft.fftshift(np.fft.fft(_DETAIL, size)))) for size in measured.shape)
    power = rows[:, None] * columns[None, :] * measured
    left = 1.0 - low_pass(tf.ones(measured.shape, tf.complex64)).numpy().real
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
