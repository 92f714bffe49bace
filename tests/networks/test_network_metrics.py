"""Metrics: every image counts once, and the figures are those of scikit-image and SciPy."""

import keras
import numpy as np
import pytest
from scipy.ndimage import gaussian_laplace
from skimage.metrics import normalized_root_mse, peak_signal_noise_ratio

from lfsr_tf.networks.metrics import HFEN, NRMSE, PSNR, SSIM, hfen, laplacian_of_gaussian, nrmse, psnr
from lfsr_tf.networks.similarity import ssim

METRICS = {PSNR: psnr, SSIM: ssim, NRMSE: nrmse, HFEN: hfen}
every_metric = pytest.mark.parametrize("kind", METRICS, ids=lambda kind: kind.__name__)


def pairs(images: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Images, and copies of very different quality, [B, 24, 20, 1]."""
    rng = np.random.default_rng(0)
    true = rng.random((images, 24, 20, 1)).astype("float32")
    sigma = np.geomspace(0.01, 0.5, images).reshape(-1, 1, 1, 1)
    return true, (true + sigma * rng.standard_normal(true.shape)).astype("float32")


@every_metric
def test_the_result_is_the_mean_over_all_images_of_all_batches(kind: type[keras.metrics.Metric]) -> None:
    true, predicted = pairs()
    metric = kind()
    # Batches of unequal size: neither the first image nor the mean of batch means would do.
    for part in (slice(0, 3), slice(3, 4), slice(4, 5)):
        metric.update_state(true[part], predicted[part])
    assert float(metric.result()) == pytest.approx(np.mean(METRICS[kind](true, predicted)), rel=1e-5)


@every_metric
def test_weights_of_images_count(kind: type[keras.metrics.Metric]) -> None:
    true, predicted = pairs()
    metric = kind()
    metric.update_state(true, predicted, sample_weight=np.array([1, 0, 0, 0, 3]))
    values = np.asarray(METRICS[kind](true, predicted))
    assert float(metric.result()) == pytest.approx((values[0] + 3 * values[4]) / 4, rel=1e-5)


@every_metric
def test_a_reset_metric_starts_again(kind: type[keras.metrics.Metric]) -> None:
    true, predicted = pairs()
    metric = kind()
    metric.update_state(true, predicted)
    metric.reset_state()
    assert float(metric.result()) == 0.0


@every_metric
def test_the_configuration_builds_the_same_metric(kind: type[keras.metrics.Metric]) -> None:
    settings = {"data_range": 2.0} if kind in (PSNR, SSIM) else {}
    metric = kind(name="figure", **settings)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert again.name == "figure"
    for one in (metric, again):
        one.update_state(*pairs())
    assert float(again.result()) == float(metric.result()) != float(kind().result())


@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_psnr_equals_scikit_image(data_range: float) -> None:
    true, predicted = pairs()
    expected = [
        peak_signal_noise_ratio(a, b, data_range=data_range) for a, b in zip(true, predicted, strict=True)
    ]
    np.testing.assert_allclose(psnr(true, predicted, data_range), expected, rtol=1e-5)


def test_psnr_of_equal_images_is_a_hundred_decibels_not_infinite() -> None:
    true, _ = pairs()
    np.testing.assert_allclose(psnr(true, true), 100.0, rtol=1e-6)


def test_nrmse_equals_scikit_image() -> None:
    true, predicted = pairs()
    expected = [normalized_root_mse(a, b) for a, b in zip(true, predicted, strict=True)]
    np.testing.assert_allclose(nrmse(true, predicted), expected, rtol=1e-5)


def test_an_empty_true_image_gives_the_norm_of_the_error() -> None:
    empty = np.zeros((1, 16, 16, 1), "float32")
    assert float(nrmse(empty, empty + 0.5)[0]) == pytest.approx(8.0)


def test_hfen_is_blind_to_brightness_and_slopes() -> None:
    true, _ = pairs()
    slope = np.linspace(0, 1, 20, dtype="float32")[None, None, :, None]
    np.testing.assert_allclose(hfen(true, true + 0.3 + slope), 0.0, atol=1e-4)


def test_the_filter_of_hfen_is_scipys_laplacian_of_gaussian() -> None:
    point = np.zeros((15, 15))
    point[7, 7] = 1.0
    np.testing.assert_allclose(laplacian_of_gaussian(), gaussian_laplace(point, 1.5), atol=2e-3)
    assert laplacian_of_gaussian().sum() == pytest.approx(0.0, abs=1e-12)
