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

from lfsr_tf.physics.fourier import Shape2D, kspace_to_image
from lfsr_tf.physics.sampling import measured_kspace, zero_pad_kspace

Images = NDArray[np.float32]
Masks = NDArray[np.bool_]
Values = NDArray[np.float64]
Bands = NDArray[np.complex128]
Scores = dict[str, Values]

# What a perfect image has of each metric.
PERFECT = {"psnr": math.inf, "ssim": 1.0, "nrmse": 0.0, "hfen": 0.0, "band": 1.0, "energy": 1.0}
METRICS = tuple(PERFECT)
REGIONS = ("head", "whole")

# Relative rounding error of float32, squared: images differ by less only by chance.
_LEAST_ERROR = float(np.finfo(np.float32).eps) ** 2
_LOG_SIGMA_PIXELS = 1.5
_LOG_RADIUS_PIXELS = 7


class Truth:
    """The truth of a stack of slices; what its edges and its outer band are is computed once for all images.

    Args:
        hr: float32 [N, H, W].
        masks: bool [N, H, W], the head; every slice has at least one True.
        lr_shape: (h, w) of the LR images, which decides the outer band.
        data_range: float [N], for PSNR and SSIM, in the units of `hr`.
    """

    def __init__(self, hr: Images, masks: Masks, lr_shape: Shape2D, data_range: Values) -> None:
        self._images = hr.astype(np.float64)
        self._regions = {"head": masks, "whole": np.ones_like(masks)}
        self._lr_shape = lr_shape
        self._data_range = data_range
        self._edges, self._outer = _edges(self._images), _outer_band(self._images, lr_shape)

    def scores(self, images: Images) -> dict[str, Scores]:
        """All metrics of what a method made, in both regions.

        Args:
            images: float32 [N, H, W].

        Returns:
            For each region ("head", "whole") and each metric, float64 [N].
        """
        result = images.astype(np.float64)
        similarity = ssim_maps(self._images, result, self._data_range)
        edges, outer = _edges(result), _outer_band(result, self._lr_shape)
        return {
            name: {
                "psnr": psnr(self._images, result, region, self._data_range),
                "ssim": similarity[1] if name == "whole" else _mean(similarity[0], region),
                "nrmse": nrmse(self._images, result, region),
                "hfen": nrmse(self._edges, edges, region),
                "band": 1.0 - _ratio(_power(outer - self._outer), _power(self._outer), region),
                "energy": _ratio(_power(outer), _power(self._outer), region),
            }
            for name, region in self._regions.items()
        }


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


def _edges(images: Values) -> Values:
    truncate = _LOG_RADIUS_PIXELS / _LOG_SIGMA_PIXELS
    return np.stack(
        [ndimage.gaussian_laplace(image, _LOG_SIGMA_PIXELS, truncate=truncate) for image in images]
    )


def _outer_band(images: Values, lr_shape: Shape2D) -> Bands:
    """Images without the central block of their k-space.

    Energy summed over such an image is that of its k-space (Parseval), and can be confined to a mask.
    """
    inner = zero_pad_kspace(measured_kspace(images, lr_shape), images.shape[1:])
    return np.asarray(images - kspace_to_image(inner).numpy())


def _power(band: Bands) -> Values:
    return np.square(band.real) + np.square(band.imag)


def _mean(values: Values, masks: Masks) -> Values:
    return np.asarray((values * masks).sum(axis=(1, 2)) / masks.sum(axis=(1, 2)))


def _ratio(numerator: Values, denominator: Values, masks: Masks) -> Values:
    """Sums over the masks, divided; 0 / 0 is 0 (a perfect image of nothing)."""
    top, bottom = (np.asarray((values * masks).sum(axis=(1, 2))) for values in (numerator, denominator))
    empty = bottom == 0.0
    with np.errstate(divide="ignore"):
        return np.where(empty & (top == 0.0), 0.0, top / np.where(empty & (top == 0.0), 1.0, bottom))
