"""Means around each voxel: an error is known as a mean over some voxels, not of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

# Standard deviation of the Gaussian weights, in LR samples.
NEIGHBOURHOOD = 0.75


def neighbourhood_mean(images: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """The weighted mean around each voxel within its slice; the border goes on as its last voxel.

    Args:
        images: float32 [N, H, W].
        scale: HR samples for each LR sample along an axis.

    Returns:
        float32 [N, H, W].
    """
    rows = gaussian_filter1d(images, NEIGHBOURHOOD * scale, axis=1, mode="nearest")
    return np.asarray(gaussian_filter1d(rows, NEIGHBOURHOOD * scale, axis=2, mode="nearest"), np.float32)
