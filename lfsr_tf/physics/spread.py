"""How much the results of all views differ, around each voxel: errors are known as means over some voxels."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lfsr_tf.physics.views import Offset, mean_of_views, variance_of_views

Images = NDArray[np.float32]
# Standard deviation of the Gaussian weights, in LR samples.
NEIGHBOURHOOD = 0.75


def result_and_variance(results: Mapping[Offset, Images], averaged: Collection[Offset], scale: int) -> Images:
    """What is made of the results of all views where their spread counts.

    Args:
        results: float32 [n, H, W] by offset.
        averaged: Those whose mean is the result.
        scale: HR samples for each LR sample along an axis.

    Returns:
        float32 [n, 2, H, W]: the result, and the variance over all views in each voxel's neighbourhood.
    """
    mean = mean_of_views({offset: results[offset] for offset in averaged})
    variance = np.asarray(variance_of_views(results))
    return np.stack([np.asarray(mean), neighbourhood_mean(variance, scale)], axis=1)


def neighbourhood_mean(images: Images, scale: int) -> Images:
    """The weighted mean around each voxel within its slice; the border goes on as its last voxel.

    Args:
        images: float32 [N, H, W].
        scale: HR samples for each LR sample along an axis.

    Returns:
        float32 [N, H, W].
    """
    rows = gaussian_filter1d(images, NEIGHBOURHOOD * scale, axis=1, mode="nearest")
    return np.asarray(gaussian_filter1d(rows, NEIGHBOURHOOD * scale, axis=2, mode="nearest"), np.float32)
