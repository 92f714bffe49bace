"""What a network has to beat: classical ways to more pixels, all from the same LR magnitude images.

All of them keep sample 0 in its place, as `fourier_downsample` does: HR sample n lies at LR position n /
scale. Interpolation on half-pixel centres, the default of most libraries, is shifted against that grid and
loses 2 dB.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.restoration import denoise_nl_means

from lfsr_tf.evaluation.acquisitions import LowField
from lfsr_tf.evaluation.once import once
from lfsr_tf.physics.noise import remove_rician_bias
from lfsr_tf.physics.sampling import zero_fill_magnitude

Images = NDArray[np.float32]

# Best mean SSIM, and PSNR within 0.03 dB of the best, inside the head mask over the training scans at sigma
# 0.015, 0.03 and 0.06, of patches 3 and 5, search radii 5 and 9, and strengths 0.4 to 1.3 with and without
# the variance offset (docs/evaluation.md).
NLM_PATCH_PIXELS = 5
NLM_SEARCH_RADIUS_PIXELS = 5
NLM_STRENGTH = 0.8


def zero_filling(low: LowField) -> Images:
    """Sinc interpolation: zeros around the acquired block of k-space.

    Returns:
        float32 [N, H, W]; slightly negative beside sharp edges.
    """
    return np.asarray(zero_fill_magnitude(low.images, low.shape))


def cubic(low: LowField) -> Images:
    """Cubic B-spline interpolation (order 3, prefiltered), sample 0 aligned; periodic like an FFT's image.

    Returns:
        float32 [N, H, W]. Every LR sample that coincides with an HR sample keeps its value.
    """
    axes = [np.arange(new) * (old / new) for old, new in zip(low.images.shape[1:], low.shape, strict=True)]
    positions = np.stack(np.meshgrid(*axes, indexing="ij"))
    images = [ndimage.map_coordinates(image, positions, order=3, mode="grid-wrap") for image in low.images]
    return np.stack(images).astype(np.float32)


def non_local_means(low: LowField) -> Images:
    """Non-local means, then Rician bias removal, then zero-filling: the strongest of the three.

    Non-local means: A. Buades et al., CVPR 2005; here the fast form of J. Darbon et al., ISBI 2008, of
    scikit-image. Bias removal: sqrt(max(m^2 - 2 C sigma^2, 0)) for C coils, from the second moment of the
    Rice distribution (H. Gudbjartsson and S. Patz, Magnetic Resonance in Medicine 34, 1995); images in phase
    have no such bias. A sigma of 0 leaves only zero-filling.

    Returns:
        float32 [N, H, W].
    """
    if not low.rician:
        return non_local_means_biased(low)
    unbiased = remove_rician_bias(_denoised(low), low.sigma, coils=low.coils)
    return zero_filling(replace(low, images=np.asarray(unbiased)))


def non_local_means_biased(low: LowField) -> Images:
    """Non-local means, then zero-filling, the Rician floor left in."""
    return zero_filling(replace(low, images=_denoised(low)))


# Both forms of non-local means start from it.
@once
def _denoised(low: LowField) -> Images:
    if low.sigma == 0.0:
        return low.images
    images = [
        denoise_nl_means(
            image,
            patch_size=NLM_PATCH_PIXELS,
            patch_distance=NLM_SEARCH_RADIUS_PIXELS,
            h=NLM_STRENGTH * low.sigma,
            fast_mode=True,
        )
        for image in low.images
    ]
    return np.stack(images).astype(np.float32)


# By the names of `EvaluationConfig.baselines`.
BASELINES = {
    "zero-fill": zero_filling,
    "cubic": cubic,
    "nlm": non_local_means,
    "nlm-biased": non_local_means_biased,
}
