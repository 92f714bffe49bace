"""Structural similarity of images, on one scale and on several.

Sources: Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE TIP 13
(2004), eq. 13 and section III-C; Wang et al., "Multi-scale Structural Similarity for Image Quality
Assessment", Asilomar 2003.
"""

from __future__ import annotations

import functools
import logging
from typing import Any

import numpy as np
from keras import ops

from lfsr_tf.errors import ConfigError

WINDOW = 11
SIGMA = 1.5
_K1, _K2 = 0.01, 0.03

# Wang et al. 2003, section 3.2, from the finest scale to the coarsest.
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

# The gradient of x^0.04 at 0 is infinite.
_SMALLEST = 1e-6

_log = logging.getLogger(__name__)


def ssim(y_true: Any, y_pred: Any, data_range: float = 1.0) -> Any:
    """Structural similarity of each image, with Wang's window.

    Equal to scikit-image's `structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False)`: the mean over the positions where the 11 x 11 window lies inside the image.

    Args:
        y_true: float [B, H, W, C], H and W at least 11.
        y_pred: float [B, H, W, C].
        data_range: Largest minus smallest value that an image can have, in its units.

    Returns:
        float32 [B] in [-1, 1].

    Raises:
        ConfigError: An image is known to be smaller than the window.
    """
    luminance, structure = _similarity_maps(y_true, y_pred, data_range)
    return ops.mean(luminance * structure, axis=(1, 2, 3))


def ms_ssim(y_true: Any, y_pred: Any, data_range: float = 1.0) -> Any:
    """Structural similarity over as many scales as the image allows, five at most.

    Of the standard weights the first are taken and scaled to sum to 1. How many scales a size gets is logged
    once.

    Args:
        y_true: float [B, H, W, C], of known H and W, at least 11.
        y_pred: float [B, H, W, C].
        data_range: Largest minus smallest value that an image can have, in its units.

    Returns:
        float32 [B] in [0, 1].

    Raises:
        ConfigError: The size is unknown, or smaller than the window.
    """
    height, width = y_pred.shape[1:3] if None in tuple(y_true.shape[1:3]) else y_true.shape[1:3]
    levels = scale_count(height, width)
    _log_levels(int(height), int(width), levels)
    weights = np.array(SCALE_WEIGHTS[:levels]) / sum(SCALE_WEIGHTS[:levels])
    product: Any = 1.0
    for level, weight in enumerate(weights):
        luminance, structure = _similarity_maps(y_true, y_pred, data_range)
        similarity = luminance * structure if level == levels - 1 else structure
        product *= ops.maximum(ops.mean(similarity, axis=(1, 2, 3)), _SMALLEST) ** float(weight)
        y_true, y_pred = (
            ops.average_pool(image, 2, strides=2, padding="valid", data_format="channels_last")
            for image in (y_true, y_pred)
        )
    return product


def scale_count(height: int | None, width: int | None) -> int:
    """How many scales an image allows: at the coarsest one the 11 x 11 window still fits.

    Raises:
        ConfigError: The size is unknown, or smaller than the window.
    """
    if height is None or width is None:
        raise ConfigError(
            "Expected images of a known size for MS-SSIM. Received: unknown rows or columns. "
            "Batch images of one size, or use ssim."
        )
    _check_size(height, width)
    return min(int(np.log2(min(height, width) / WINDOW)) + 1, len(SCALE_WEIGHTS))


@functools.cache
def _log_levels(height: int, width: int, levels: int) -> None:
    """Cached: said once for each size."""
    if levels < len(SCALE_WEIGHTS):
        _log.warning(
            "MS-SSIM of %d x %d images takes %d of %d scales.", height, width, levels, len(SCALE_WEIGHTS)
        )


def _similarity_maps(y_true: Any, y_pred: Any, data_range: float) -> tuple[Any, Any]:
    """Wang's luminance term, and the product of his contrast and structure terms, [B, H - 10, W - 10, C]."""
    y_true, y_pred = (ops.cast(image, "float32") for image in (y_true, y_pred))
    _check_size(*y_true.shape[1:3])
    # Variances as a difference of squares lose digits far from zero: they are taken about the image's mean.
    centre = ops.mean(y_true, axis=(1, 2), keepdims=True)
    a, b = y_true - centre, y_pred - centre
    products = ops.concatenate([a, b, a * a, b * b, a * b], axis=-1)
    mean_a, mean_b, mean_aa, mean_bb, mean_ab = ops.split(gaussian_window(products), 5, axis=-1)
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    mu_a, mu_b = mean_a + centre, mean_b + centre
    luminance = (2 * mu_a * mu_b + c1) / (mu_a**2 + mu_b**2 + c1)
    variances = mean_aa - mean_a**2 + mean_bb - mean_b**2
    return luminance, (2 * (mean_ab - mean_a * mean_b) + c2) / (variances + c2)


def gaussian_window(images: Any) -> Any:
    """Weighted means under Wang's window, [B, H, W, C] -> [B, H - 10, W - 10, C]."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    weights = (weights / weights.sum()).astype("float32")
    for shape in ((WINDOW, 1, 1, 1), (1, WINDOW, 1, 1)):
        kernel = ops.convert_to_tensor(np.tile(weights.reshape(shape), (1, 1, images.shape[-1], 1)))
        images = ops.depthwise_conv(images, kernel, padding="valid", data_format="channels_last")
    return images


def _check_size(height: int | None, width: int | None) -> None:
    if min(height or WINDOW, width or WINDOW) < WINDOW:
        raise ConfigError(
            f"Expected images of at least {WINDOW} x {WINDOW} for SSIM. Received: {height} x {width}. "
            "Use larger patches or another loss."
        )
