"""Metrics against scikit-image, published formulas and hand-made cases."""

from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from skimage import metrics as reference

from lfsr_tf.evaluation.metrics import METRICS, Truth, ssim_maps

SIZES = [(32, 32), (31, 33), (32, 48)]
RNG = np.random.default_rng(0)


def pair(shape: tuple[int, int] = (32, 32), count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    hr = ndimage.gaussian_filter(RNG.random((count, *shape)), (0, 1.5, 1.5))
    return hr, hr + 0.05 * RNG.standard_normal(hr.shape)


def everywhere(images: np.ndarray) -> np.ndarray:
    return np.ones(images.shape, dtype=bool)


def ones(images: np.ndarray) -> np.ndarray:
    return np.ones(len(images))


def scores_of(
    hr: np.ndarray,
    image: np.ndarray,
    metric: str,
    mask: np.ndarray | None = None,
    lr_shape: tuple[int, int] = (16, 16),
    data_range: float = 1.0,
) -> dict[str, np.ndarray]:
    """A metric as it is scored, in each region; the head fills the image if there is no mask."""
    truth = Truth(hr, everywhere(hr) if mask is None else mask, lr_shape, data_range * ones(hr))
    return {region: figures[metric] for region, figures in truth.scores(image).items()}


def scored(*arguments: Any, **more: Any) -> np.ndarray:
    """As `scores_of`, where head and whole image are one."""
    found = scores_of(*arguments, **more)
    np.testing.assert_allclose(found["head"], found["whole"])
    return found["head"]


@pytest.mark.parametrize("data_range", [1.0, 0.4])
def test_psnr_over_the_whole_image_equals_scikit_image(data_range: float) -> None:
    hr, image = pair()
    found = scored(hr, image, "psnr", data_range=data_range)
    expected = [
        reference.peak_signal_noise_ratio(*one, data_range=data_range) for one in zip(hr, image, strict=True)
    ]
    np.testing.assert_allclose(found, expected)


def test_an_error_of_a_tenth_of_the_range_is_20_decibels() -> None:
    hr = np.zeros((1, 16, 16))
    np.testing.assert_allclose(scored(hr, hr + 0.1, "psnr", lr_shape=(8, 8)), 20.0)


def test_whole_image_ssim_equals_scikit_image_with_wangs_window() -> None:
    hr, image = pair()
    expected = [
        reference.structural_similarity(
            *one, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for one in zip(hr, image, strict=True)
    ]
    np.testing.assert_allclose(scores_of(hr, image, "ssim")["whole"], expected)


def test_the_ssim_map_follows_equation_13_of_wang_et_al() -> None:
    hr, image = pair(count=1)
    # An 11 x 11 Gaussian window, as in the paper.
    smooth = lambda values: ndimage.gaussian_filter(values, 1.5, truncate=5 / 1.5)  # noqa: E731
    x, y = hr[0], image[0]
    mean_x, mean_y = smooth(x), smooth(y)
    variance_x, variance_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
    covariance = smooth(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    expected = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    )
    inside = (slice(6, -6), slice(6, -6))
    np.testing.assert_allclose(ssim_maps(hr, image, ones(hr))[0][0][inside], expected[inside], atol=1e-9)
    head = np.zeros(hr.shape, dtype=bool)
    head[0][inside] = True
    np.testing.assert_allclose(scores_of(hr, image, "ssim", head)["head"], expected[inside].mean(), atol=1e-9)


def test_nrmse_equals_scikit_image() -> None:
    hr, image = pair()
    expected = [
        reference.normalized_root_mse(*one, normalization="euclidean") for one in zip(hr, image, strict=True)
    ]
    np.testing.assert_allclose(scored(hr, image, "nrmse"), expected)


def test_hfen_is_0_for_the_truth_1_for_nothing_and_ignores_slow_changes() -> None:
    hr, _ = pair()
    np.testing.assert_allclose(scored(hr, hr, "hfen"), 0.0)
    np.testing.assert_allclose(scored(hr, np.zeros_like(hr), "hfen"), 1.0)
    np.testing.assert_allclose(scored(hr, hr + 0.3, "hfen"), 0.0, atol=1e-3)


def test_hfen_filters_with_15_by_15_samples() -> None:
    impulse = np.zeros((1, 33, 33))
    impulse[0, 16, 16] = 1.0
    far, near = np.zeros_like(impulse), np.zeros_like(impulse)
    far[0, 16, 16 + 8], near[0, 16, 16 + 7] = 1.0, 1.0
    at_centre = np.zeros(impulse.shape, dtype=bool)
    at_centre[0, 16, 16] = True
    # The error's filtered value at the centre: nothing 8 samples away, something at 7.
    assert scores_of(impulse, impulse + far, "hfen", at_centre)["head"][0] == 0.0
    assert scores_of(impulse, impulse + near, "hfen", at_centre)["head"][0] > 0.0


@pytest.mark.parametrize("shape", SIZES)
def test_band_and_energy_agree_with_sums_over_k_space(shape: tuple[int, int]) -> None:
    hr, image = pair(shape)
    small = (shape[0] // 2, shape[1] // 2)
    outside = np.ones(shape, dtype=bool)
    corner = [full // 2 - part // 2 for full, part in zip(shape, small, strict=True)]
    outside[corner[0] : corner[0] + small[0], corner[1] : corner[1] + small[1]] = False
    kspace = [np.fft.fftshift(np.fft.fft2(images), axes=(1, 2))[:, outside] for images in (hr, image)]
    true, found, wrong = (
        (np.abs(band) ** 2).sum(1) for band in (kspace[0], kspace[1], kspace[1] - kspace[0])
    )
    np.testing.assert_allclose(scored(hr, image, "band", lr_shape=small), 1.0 - wrong / true, rtol=1e-6)
    np.testing.assert_allclose(scored(hr, image, "energy", lr_shape=small), found / true, rtol=1e-6)


@pytest.mark.parametrize("shape", SIZES)
def test_band_is_1_for_the_truth_0_for_a_blank_band_and_negative_for_invention(
    shape: tuple[int, int],
) -> None:
    hr, _ = pair(shape)
    small = (shape[0] // 2, shape[1] // 2)
    np.testing.assert_allclose(scored(hr, hr, "band", lr_shape=small), 1.0)
    np.testing.assert_allclose(scored(hr, np.zeros_like(hr), "band", lr_shape=small), 0.0, atol=1e-9)
    assert (scored(hr, RNG.standard_normal(hr.shape), "band", lr_shape=small) < -1.0).all()


def test_errors_outside_the_mask_leave_the_head_figures_alone() -> None:
    hr, image = (images.astype(np.float32) for images in pair())
    mask = np.zeros(hr.shape, dtype=bool)
    mask[:, 12:20, 12:20] = True
    spoilt = image.copy()
    spoilt[:, 0, 0] += 9.0
    clean, dirty = (Truth(hr, mask, (16, 16), ones(hr)).scores(images) for images in (image, spoilt))
    for metric in ("psnr", "nrmse", "ssim", "hfen"):
        np.testing.assert_allclose(dirty["head"][metric], clean["head"][metric])
    assert (dirty["whole"]["psnr"] < clean["whole"]["psnr"] - 3.0).all()


def test_a_perfect_image_is_perfect_by_every_metric() -> None:
    hr = pair()[0].astype(np.float32)
    scores = Truth(hr, everywhere(hr), (16, 16), ones(hr)).scores(hr)["head"]
    assert set(scores) == set(METRICS)
    assert np.isfinite(scores["psnr"]).all() and (scores["psnr"] > 130.0).all()
    for metric, value in (("ssim", 1.0), ("nrmse", 0.0), ("hfen", 0.0), ("band", 1.0), ("energy", 1.0)):
        np.testing.assert_allclose(scores[metric], value, atol=1e-6)


def test_energy_tells_blur_from_invention() -> None:
    hr, _ = pair()
    noisy = hr + RNG.standard_normal(hr.shape)
    np.testing.assert_allclose(scored(hr, hr / 2.0, "energy"), 0.25)
    assert (scored(hr, noisy, "energy") > 1.0).all()


def test_slices_are_scored_one_by_one_never_as_a_batch() -> None:
    hr, image = (images.astype(np.float32) for images in pair())
    together = Truth(hr, everywhere(hr), (16, 16), ones(hr)).scores(image)["head"]
    for index in range(3):
        part = slice(index, index + 1)
        alone = Truth(hr[part], everywhere(hr[part]), (16, 16), np.ones(1)).scores(image[part])["head"]
        for metric in METRICS:
            np.testing.assert_allclose(alone[metric][0], together[metric][index], rtol=1e-6)
