"""Head and background masks, drawn on the noise-free HR image or on a measured magnitude image.

Figures over a whole image are dominated by the background, where a network that merely blackens the Rician
floor gains decibels; claims therefore rest on the head mask.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# A fraction of the 99.9th percentile: above the noise floor of high-field scans, below the darkest tissue.
HEAD_THRESHOLD = 0.1
_SMOOTHING_PIXELS = 1.0
# The smoothed Rayleigh floor seldom exceeds twice its fifth percentile.
_FLOOR_PERCENTILE = 5.0
_ABOVE_FLOOR = 2.2
_HIGHEST_THRESHOLD = 0.3
# At 128 pixels; other matrices scale them.
_CLOSING_PIXELS = 4
_MARGIN_PIXELS = 8
_MATRIX = 128


def head_mask(hr: NDArray[np.float32], threshold: float = HEAD_THRESHOLD) -> NDArray[np.bool_]:
    """Where the head is, slice by slice: skin to skin, or the brain of a skull-stripped scan.

    The slightly smoothed image is thresholded, small gaps are closed, holes (skull, ventricles, air) are
    filled, and the largest connected part is kept.

    Args:
        hr: [N, H, W] or [H, W], non-negative, divided by the volume's 99.9th percentile.
        threshold: Fraction of that percentile above which a smoothed pixel belongs to the head.

    Returns:
        Mask of the same shape; all False where nothing exceeds the threshold.
    """
    if hr.ndim == 2:
        return _slice_mask(hr, threshold)
    return np.stack([_slice_mask(image, threshold) for image in hr])


def background_mask(magnitude: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where only noise is: outside the head mask and a margin around it.

    Args:
        magnitude: [N, H, W] measured magnitude, divided by the volume's 99.9th percentile.

    Returns:
        Mask [N, H, W].
    """
    margin = _scaled(_MARGIN_PIXELS, magnitude.shape[-2:])
    heads = head_mask(magnitude, _threshold_above_noise(magnitude))
    return np.stack([~ndimage.binary_dilation(head, iterations=margin) for head in heads])


def _threshold_above_noise(magnitude: NDArray[np.float32]) -> float:
    """The usual threshold, raised where a scan's noise floor reaches it, but never into tissue."""
    smoothed = ndimage.gaussian_filter(magnitude, (0, _SMOOTHING_PIXELS, _SMOOTHING_PIXELS))
    floor = float(np.percentile(smoothed, _FLOOR_PERCENTILE))
    return min(max(HEAD_THRESHOLD, _ABOVE_FLOOR * floor), _HIGHEST_THRESHOLD)


def _scaled(pixels: int, shape: tuple[int, ...]) -> int:
    return max(1, round(pixels * min(shape) / _MATRIX))


def _slice_mask(image: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    closing = _scaled(_CLOSING_PIXELS, image.shape)
    bright = ndimage.gaussian_filter(image, _SMOOTHING_PIXELS) > threshold
    # Padding: a head that touches the border would otherwise be eroded there.
    padded = ndimage.binary_closing(np.pad(bright, closing + 1), iterations=closing)
    filled = ndimage.binary_opening(ndimage.binary_fill_holes(padded))
    inner = filled[closing + 1 : -closing - 1, closing + 1 : -closing - 1]
    labels, count = ndimage.label(inner)
    if count == 0:
        return np.zeros(image.shape, dtype=bool)
    sizes = np.bincount(labels.ravel())
    return np.asarray(labels == 1 + np.argmax(sizes[1:]))
