"""SSIM against scikit-image, MS-SSIM against its definition."""

import logging

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage
from skimage.metrics import structural_similarity

from lfsr_tf.errors import ConfigError
from lfsr_tf.networks import similarity
from lfsr_tf.networks.similarity import SCALE_WEIGHTS, ms_ssim, scale_count, ssim


def pairs(shape: tuple[int, ...], offset: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Smooth images and noisy copies, [B, H, W, 1]."""
    rng = np.random.default_rng(0)
    true = ndimage.gaussian_filter(rng.standard_normal((*shape, 1)), (0, 2, 2, 0)) * 2 + offset
    noisy = true + rng.uniform(0.01, 0.2, (shape[0], 1, 1, 1)) * rng.standard_normal(true.shape)
    return true.astype("float32"), noisy.astype("float32")


def of_scikit_image(true: np.ndarray, predicted: np.ndarray, data_range: float) -> float:
    return structural_similarity(
        true[..., 0].astype("float64"),
        predicted[..., 0].astype("float64"),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=data_range,
    )


@pytest.mark.parametrize("shape", [(3, 32, 32), (2, 11, 11), (2, 13, 40)])
@pytest.mark.parametrize(("data_range", "offset"), [(1.0, 0.5), (2.5, 0.0), (1.0, 8.0)])
def test_ssim_equals_scikit_image(shape: tuple[int, ...], data_range: float, offset: float) -> None:
    true, predicted = pairs(shape, offset)
    expected = [of_scikit_image(a, b, data_range) for a, b in zip(true, predicted, strict=True)]
    np.testing.assert_allclose(ssim(true, predicted, data_range), expected, atol=1e-5)


def test_ssim_of_channels_is_their_mean() -> None:
    true, predicted = pairs((4, 20, 20))
    stacked = [np.moveaxis(one[..., 0], 0, -1)[None] for one in (true, predicted)]
    assert float(ssim(*stacked)[0]) == pytest.approx(np.mean(ssim(true, predicted)), abs=1e-6)


def test_ssim_is_symmetric_and_one_for_equal_images() -> None:
    true, predicted = pairs((3, 24, 24))
    np.testing.assert_allclose(ssim(true, predicted), ssim(predicted, true), atol=1e-5)
    np.testing.assert_allclose(ssim(true, true), 1.0, atol=1e-6)


def test_ssim_takes_sixteen_bit_images() -> None:
    true, predicted = pairs((2, 16, 16))
    half = ssim(tf.cast(true, tf.bfloat16), tf.cast(predicted, tf.bfloat16))
    assert half.dtype == tf.float32


@pytest.mark.parametrize(
    ("size", "levels"),
    [((11, 11), 1), ((21, 64), 1), ((22, 22), 2), ((32, 32), 2), ((128, 128), 4), ((256, 176), 5)],
)
def test_ms_ssim_takes_as_many_scales_as_the_window_fits(size: tuple[int, int], levels: int) -> None:
    assert scale_count(*size) == levels


def test_ms_ssim_says_once_how_many_scales_it_takes(caplog: pytest.LogCaptureFixture) -> None:
    similarity._log_levels.cache_clear()
    true, predicted = pairs((1, 32, 32))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            ms_ssim(true, predicted)
    assert [record.getMessage() for record in caplog.records] == [
        "MS-SSIM of 32 x 32 images takes 2 of 5 scales."
    ]


def reference_ms_ssim(true: np.ndarray, predicted: np.ndarray, levels: int) -> float:
    """Wang et al. 2003, eq. 7, from Gaussian filters in double precision."""
    a, b = true.astype("float64"), predicted.astype("float64")
    weights = np.array(SCALE_WEIGHTS[:levels]) / sum(SCALE_WEIGHTS[:levels])
    result = 1.0
    for level, weight in enumerate(weights):
        mean = lambda image: ndimage.gaussian_filter(image, 1.5, truncate=3.5)[5:-5, 5:-5]  # noqa: E731
        mu_a, mu_b = mean(a), mean(b)
        var_a, var_b, cov = mean(a * a) - mu_a**2, mean(b * b) - mu_b**2, mean(a * b) - mu_a * mu_b
        term = (2 * cov + 0.03**2) / (var_a + var_b + 0.03**2)
        if level == levels - 1:
            term = term * (2 * mu_a * mu_b + 0.01**2) / (mu_a**2 + mu_b**2 + 0.01**2)
        result *= term.mean() ** weight
        a, b = (ndimage.uniform_filter(image, 2, origin=-1)[::2, ::2] for image in (a, b))
    return result


@pytest.mark.parametrize(("size", "levels"), [((16, 20), 1), ((32, 32), 2), ((64, 48), 3)])
def test_ms_ssim_follows_its_definition(size: tuple[int, int], levels: int) -> None:
    true, predicted = pairs((2, *size), offset=0.5)
    expected = [reference_ms_ssim(a[..., 0], b[..., 0], levels) for a, b in zip(true, predicted, strict=True)]
    np.testing.assert_allclose(ms_ssim(true, predicted), expected, atol=1e-5)


def test_ms_ssim_of_a_negative_image_is_small_not_nan() -> None:
    true, _ = pairs((1, 32, 32))
    assert 0 <= float(ms_ssim(true, -true)[0]) < 0.2


def test_images_smaller_than_the_window_are_refused() -> None:
    small = np.zeros((1, 10, 40, 1), "float32")
    for measure in (ssim, ms_ssim):
        with pytest.raises(ConfigError, match=r"at least 11 x 11 .* Received: 10 x 40"):
            measure(small, small)


def test_ms_ssim_needs_a_known_size() -> None:
    specification = tf.TensorSpec((None, None, 32, 1))
    with pytest.raises(ConfigError, match="known size"):
        tf.function(ms_ssim, autograph=False).get_concrete_function(specification, specification)


def test_ssim_works_for_sizes_known_only_when_it_runs() -> None:
    true, predicted = pairs((2, 16, 20))
    specification = tf.TensorSpec((None, None, None, 1))
    function = tf.function(ssim, input_signature=[specification, specification], autograph=False)
    np.testing.assert_allclose(function(true, predicted), ssim(true, predicted), atol=1e-6)
