"""ResidualSR and the interpolation it starts from."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.networks.residual import ResidualSR
from lfsr_tf.networks.sinc_interpolation import SincInterpolation, half_sample_kernel
from lfsr_tf.networks.sub_pixel import SubPixelUpsampling
from lfsr_tf.networks.unet import UNetSR


def smooth_image(height: int, width: int) -> np.ndarray:
    """A periodic image with frequencies up to 0.6 of the highest, [H, W]."""
    rng = np.random.default_rng(0)
    spectrum = np.fft.fft2(rng.standard_normal((height, width)))
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    return np.fft.ifft2(spectrum * (radius < 0.3)).real


def zero_filled(image: np.ndarray) -> np.ndarray:
    """Zero-filling to twice the matrix, sample 0 in place; the highest frequency of the image is empty."""
    height, width = image.shape
    k = np.fft.fftshift(np.fft.fft2(image))
    padded = np.pad(k, ((height // 2, height - height // 2), (width // 2, width - width // 2)))
    return 4 * np.fft.ifft2(np.fft.ifftshift(padded)).real


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("shape", [(12, 16), (7, 9), (1, 1)])
def test_lr_samples_pass_an_untrained_network_bit_by_bit(scale: int, shape: tuple[int, int]) -> None:
    lr = np.random.default_rng(0).random((2, *shape, 1)).astype("float32")
    sr = ResidualSR(scale=scale, blocks=1, filters=4)(lr)
    assert np.array_equal(sr[:, ::scale, ::scale], lr)


def test_an_untrained_network_comes_close_to_zero_filling_inside() -> None:
    lr = smooth_image(48, 64)
    sr = ResidualSR(blocks=1, filters=4)(lr[None, :, :, None].astype("float32"))
    inside = np.s_[20:-20, 20:-20]
    error = np.asarray(sr)[0, :, :, 0][inside] - zero_filled(lr)[inside]
    # The window costs about 30 dB; linear interpolation would be wrong by half of the image's spread.
    assert error.std() < 0.03 * lr.std()


@pytest.mark.parametrize("shape", [(10, 13), (1, 3), (40, 2)])
def test_a_constant_image_stays_constant(shape: tuple[int, int]) -> None:
    lr = np.full((1, *shape, 1), 0.7, "float32")
    np.testing.assert_allclose(ResidualSR(blocks=1, filters=4)(lr), 0.7, rtol=1e-6)


def test_interpolation_treats_rows_and_columns_alike() -> None:
    image = np.random.default_rng(0).random((1, 9, 12, 1)).astype("float32")
    turned = SincInterpolation()(image.swapaxes(1, 2))
    np.testing.assert_allclose(np.swapaxes(turned, 1, 2), SincInterpolation()(image), atol=1e-6)


def test_the_half_sample_kernel_is_symmetric_and_keeps_constants() -> None:
    kernel = half_sample_kernel()
    np.testing.assert_allclose(kernel, kernel[::-1], atol=1e-15)
    assert kernel.sum() == pytest.approx(1.0)


def test_interpolation_stays_in_float32_under_mixed_precision() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = ResidualSR(blocks=1, filters=4)
    finally:
        keras.config.set_dtype_policy(before)
    lr = np.random.default_rng(0).random((1, 6, 6, 1)).astype("float32")
    assert np.array_equal(model(lr)[:, ::2, ::2], lr)


@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (1, 2, 2, 16), (2, 4, 1, 12)])
def test_sub_pixel_upsampling_is_depth_to_space(shape: tuple[int, ...]) -> None:
    maps = np.random.default_rng(0).random(shape).astype("float32")
    scale = 4 if shape[-1] == 16 else 2
    assert np.array_equal(SubPixelUpsampling(scale)(maps), tf.nn.depth_to_space(maps, scale))


def test_residual_scaling_one_costs_no_layer() -> None:
    names = [layer.name for layer in ResidualSR(blocks=1, filters=4).layers]
    assert "block1_scaled" not in names
    assert "block1_scaled" in [
        layer.name for layer in ResidualSR(blocks=1, filters=4, residual_scaling=0.1).layers
    ]


@pytest.mark.parametrize("value", [0, -1.0, 1.5, True, "small", float("nan")])
def test_residual_scaling_out_of_range_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="residual_scaling"):
        ResidualSR(residual_scaling=value)


@pytest.mark.parametrize("network", [ResidualSR, UNetSR])
def test_a_residual_on_the_lr_grid_adds_no_resolution(network: Callable[..., keras.Model]) -> None:
    settings = {"blocks": 1, "filters": 4} if network is ResidualSR else {"blocks": [1], "filters": [4]}
    model = network(**settings, residual_grid="lr")
    rng = np.random.default_rng(0)
    model.set_weights([0.3 * rng.standard_normal(w.shape).astype("float32") for w in model.get_weights()])
    lr = rng.random((1, 12, 10, 1)).astype("float32")
    sr = np.asarray(model(lr))
    denoised = sr[:, ::2, ::2]
    assert np.abs(denoised - lr).max() > 1e-3
    np.testing.assert_allclose(SincInterpolation()(denoised), sr, atol=1e-5)
