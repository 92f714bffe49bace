"""From multi-coil k-space to a magnitude volume: inverse FFT, field of view, root sum of squares.

The same for every raw format. Oversampling is removed in image space, where it is a field of view larger
than the one wanted; a crop of k-space would cost resolution instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.physics.fourier import fft2c, ifft2c


@dataclass(frozen=True)
class Reconstruction:
    """A magnitude volume and what it was made of.

    Attributes:
        magnitude: float32 [slices, h, w].
        kspace: complex64 [slices, coils, h, w], centred, of the kept field of view.
        centre: (row, column) of the magnitude image where the encoded field of view has its centre.
        acquired: (h, w) of the smallest centred block of k-space outside of which nothing was acquired.
    """

    magnitude: NDArray[np.float32]
    kspace: NDArray[np.complex64]
    centre: tuple[int, int]
    acquired: tuple[int, int]


def root_sum_of_squares(images: NDArray[np.complex64], axis: int) -> NDArray[np.float32]:
    """Combine coils: the square root of the sum of squared magnitudes over `axis` (Roemer et al., 1990)."""
    # Where the square leaves float32's range the magnitude is infinite, which readers refuse.
    with np.errstate(over="ignore"):
        power = np.square(images.real) + np.square(images.imag)
        return np.sqrt(power.sum(axis=axis)).astype(np.float32)


def reconstruct(kspace: NDArray[np.complex64], keep: tuple[int, int]) -> Reconstruction:
    """Reconstruct slice by slice, so that only one slice's images are held besides k-space.

    Args:
        kspace: complex64 [slices, coils, H, W], centred.
        keep: (h, w) of the block kept in the middle of the image, at most (H, W).
    """
    full = kspace.shape[-2:]
    # fastMRI's centre crop: reconstruction_rss is cut like this, odd sizes included.
    start = ((full[0] - keep[0]) // 2, (full[1] - keep[1]) // 2)
    window = (..., slice(start[0], start[0] + keep[0]), slice(start[1], start[1] + keep[1]))
    magnitude = np.empty((kspace.shape[0], *keep), np.float32)
    cropped = kspace if keep == full else np.empty((*kspace.shape[:2], *keep), np.complex64)
    for index, coils in enumerate(kspace):
        images = ifft2c(tf.constant(coils)).numpy()[window]
        magnitude[index] = root_sum_of_squares(images, axis=0)
        if keep != full:
            cropped[index] = fft2c(tf.constant(images)).numpy()
    centre = (full[0] // 2 - start[0], full[1] // 2 - start[1])
    return Reconstruction(magnitude, cropped, centre, _acquired_matrix(kspace, keep))


def _acquired_matrix(kspace: NDArray[np.complex64], keep: tuple[int, int]) -> tuple[int, int]:
    """Samples of `keep` that are left when the zeros around the acquired block are cut off."""
    acquired = []
    for axis, kept in zip((2, 3), keep, strict=True):
        others = tuple(other for other in range(4) if other != axis)
        extent = centred_extent(np.any(kspace != 0, axis=others))
        # The share of k-space stays what it was when the field of view is cut.
        acquired.append(min(kept, max(1, round(extent * kept / kspace.shape[axis]))))
    height, width = acquired
    return height, width


def centred_extent(sampled: NDArray[np.bool_]) -> int:
    """Length of the smallest block, centred as k-space is, that holds every True of `sampled` [N]."""
    where = np.flatnonzero(sampled)
    if where.size == 0:
        return sampled.size
    below, above = sampled.size // 2 - where[0], where[-1] - sampled.size // 2
    extent = int(max(2 * below, 2 * above + 1, 1))
    # A single empty line at the edge, mostly the Nyquist line, is no zero-filling.
    return sampled.size if extent == sampled.size - 1 else extent
