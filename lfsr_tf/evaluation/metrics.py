"""How far an image is from the truth, per slice: over the whole image and inside the head mask.

| name | meaning | best |
|---|---|---|
| psnr | 10 log10(data_range^2 / mean squared error), dB | high |
| ssim | structural similarity, Wang's window | 1 |
| nrmse | root mean squared error / root mean square of the truth | 0 |
| hfen | the same ratio after a Laplacian of Gaussian: edges and fine detail | 0 |
| band | fraction recovered of the k-space band that the LR image does not have: 0 for zero-filling, 1 for
the truth | 1 |
| energy | energy in that band over the truth's: below 1 the image is blurred, above it holds noise or
invention | 1 |

Sources. SSIM: Z. Wang et al., IEEE Transactions on Image Processing 13(4), 2004, in scikit-image's form
with the settings that reproduce it. HFEN: S. Ravishankar and Y. Bresler, IEEE Transactions on Medical
Imaging 30(5), 2011 (15 x 15 Laplacian of Gaussian of standard deviation 1.5 pixels), here relative to the
filtered truth.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.metrics import structural_similarity

from lfsr_tf.physics.sampling import Shape2D, fourier_downsample, zero_fill

Images = NDArray[np.float32]
Masks = NDArray[np.bool_]
Values = NDArray[np.float64]
Scores = dict[str, Values]

METRICS = ("psnr", "ssim", "nrmse", "hfen", "band", "energy")
# What a perfect image has.
PERFECT = {"psnr": math.inf, "ssim": 1.0, "nrmse": 0.0, "hfen": 0.0, "band": 1.0, "energy": 1.0}
REGIONS = ("head", "whole")

# Relative rounding error of float32, squared: images differ by less only by chance.
_LEAST_ERROR = float(np.finfo(np.float32).eps) ** 2
_LOG_SIGMA_PIXELS = 1.5
_LOG_RADIUS_PIXELS = 7


def score_images(
    hr: Images, images: Images, masks: Masks, lr_shape: Shape2D, data_range: Values
) -> dict[str, Scores]:
    """All metrics of a batch of slices, in both regions.

    Args:
        hr: float32 [N, H, W], the truth.
        images: float32 [N, H, W], what a method made of the LR images.
        masks: bool [N, H, W], the head; every slice has at least one True.
        lr_shape: (h, w) of the LR images, which decides the outer band.
        data_range: float [N], for PSNR and SSIM, in the units of `hr`.

    Returns:
        For each region ("head", "whole") and each metric, float64 [N].
    """
    whole = np.ones_like(masks)
    truth, result = hr.astype(np.float64), images.astype(np.float64)
    similarity = ssim_maps(truth, result, data_range)
    regions = {"head": masks, "whole": whole}
    scores: dict[str, Scores] = {}
    for name, region in regions.items():
        scores[name] = {
            "psnr": psnr(truth, result, region, data_range),
            "ssim": similarity[1] if name == "whole" else _mean(similarity[0], region),
            "nrmse": nrmse(truth, result, region),
            "hfen": hfen(truth, result, region),
            "band": band_recovered(truth, result, region, lr_shape),
            "energy": band_energy(truth, result, region, lr_shape),
        }
    return scores


def psnr(hr: Values, images: Values, masks: Masks, data_range: Values) -> Values:
    """Peak signal-to-noise ratio in dB inside the masks, float64 [N]; a perfect image has 138, finitely."""
    peak = np.square(data_range)
    return np.asarray(
        10.0 * np.log10(peak / np.maximum(_mean(np.square(images - hr), masks), _LEAST_ERROR * peak))
    )


def ssim_maps(hr: Values, images: Values, data_range: Values) -> tuple[Values, Values]:
    """Structural similarity: the map [N, H, W], and scikit-image's mean [N] (borders left out)."""
    pairs = [
        structural_similarity(
            truth,
            image,
            data_range=float(peak),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        for truth, image, peak in zip(hr, images, data_range, strict=True)
    ]
    return np.stack([pair[1] for pair in pairs]), np.array([pair[0] for pair in pairs])


def nrmse(hr: Values, images: Values, masks: Masks) -> Values:
    """Norm of the error over the norm of the truth inside the masks, float64 [N]."""
    return np.sqrt(_ratio(np.square(images - hr), np.square(hr), masks))


def hfen(hr: Values, images: Values, masks: Masks) -> Values:
    """High-frequency error norm relative to the truth: `nrmse` after a Laplacian of Gaussian, float64 [N]."""
    truth, error = _edges(hr), _edges(images - hr)
    return np.sqrt(_ratio(np.square(error), np.square(truth), masks))


def band_recovered(hr: Values, images: Values, masks: Masks, lr_shape: Shape2D) -> Values:
    """Fraction of the outer band that was recovered: 1 - error energy / true energy, float64 [N].

    The outer band is all of k-space but the central block of `lr_shape`. Zeros there give 0, the truth 1,
    invented detail a negative figure. The band is cut in k-space and summed in image space (Parseval), so
    that it can be confined to a mask.
    """
    truth, error = _outer_energy(hr, lr_shape), _outer_energy(images - hr, lr_shape)
    return 1.0 - _ratio(error, truth, masks)


def band_energy(hr: Values, images: Values, masks: Masks, lr_shape: Shape2D) -> Values:
    """Energy of an image in the outer band over the truth's, right or wrong: its visible sharpness."""
    return _ratio(_outer_energy(images, lr_shape), _outer_energy(hr, lr_shape), masks)


def _edges(images: Values) -> Values:
    truncate = _LOG_RADIUS_PIXELS / _LOG_SIGMA_PIXELS
    return np.stack(
        [ndimage.gaussian_laplace(image, _LOG_SIGMA_PIXELS, truncate=truncate) for image in images]
    )


def _outer_energy(images: Values, lr_shape: Shape2D) -> Values:
    height, width = images.shape[1:]
    inner = zero_fill(fourier_downsample(images, lr_shape), (height, width)).numpy()
    return np.square(np.abs(images - inner))


def _mean(values: Values, masks: Masks) -> Values:
    return np.asarray((values * masks).sum(axis=(1, 2)) / masks.sum(axis=(1, 2)))


def _ratio(numerator: Values, denominator: Values, masks: Masks) -> Values:
    """Sums over the masks, divided; 0 / 0 is 0 (a perfect image of nothing)."""
    top, bottom = (np.asarray((values * masks).sum(axis=(1, 2))) for values in (numerator, denominator))
    empty = bottom == 0.0
    with np.errstate(divide="ignore"):
        return np.where(empty & (top == 0.0), 0.0, top / np.where(empty & (top == 0.0), 1.0, bottom))
