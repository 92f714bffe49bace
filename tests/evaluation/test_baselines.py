"""Baselines: the grid they stand on, what they keep, and what they remove."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from skimage.restoration import denoise_nl_means

from lfsr_tf.evaluation import baselines
from lfsr_tf.evaluation.acquisitions import LowField
from lfsr_tf.evaluation.baselines import (
    BASELINES,
    cubic,
    non_local_means,
    non_local_means_biased,
    zero_filling,
)

SHAPES = [((16, 16), (32, 32)), ((15, 17), (30, 34)), ((16, 12), (64, 48)), ((61, 20), (122, 40))]
RNG = np.random.default_rng(0)


def wave(shape: tuple[int, int], cycles: tuple[int, int] = (2, -3), offset: float = 2.0) -> np.ndarray:
    """A band-limited periodic image, sampled with sample 0 at the origin: [1, H, W]."""
    rows, columns = (np.arange(size) / size for size in shape)
    phase = 2 * np.pi * (cycles[0] * rows[:, None] + cycles[1] * columns[None, :])
    return (offset + np.cos(phase + 0.4))[None].astype(np.float32)


def low_field(images: np.ndarray, sigma: float, shape: tuple[int, int]) -> LowField:
    return LowField(images, sigma, reference=1.0, shape=shape)


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize(("small", "large"), SHAPES)
def test_a_constant_keeps_its_value(name: str, small: tuple[int, int], large: tuple[int, int]) -> None:
    result = BASELINES[name](low_field(np.full((2, *small), 3.0, np.float32), 0.0, large))
    assert result.shape == (2, *large)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, 3.0, rtol=1e-5)


@pytest.mark.parametrize(("small", "large"), SHAPES)
def test_zero_filling_is_exact_for_band_limited_images(
    small: tuple[int, int], large: tuple[int, int]
) -> None:
    np.testing.assert_allclose(zero_filling(low_field(wave(small), 0.0, large)), wave(large), atol=1e-4)


@pytest.mark.parametrize(("small", "large"), SHAPES)
def test_cubic_stands_on_the_same_grid_as_zero_filling(
    small: tuple[int, int], large: tuple[int, int]
) -> None:
    slow_small, slow_large = wave(small, (1, 1)), wave(large, (1, 1))
    error = np.abs(cubic(low_field(slow_small, 0.0, large)) - slow_large).max()
    # A grid of half-pixel centres would be off by a quarter of an LR sample, an error ten times as large.
    assert error < 0.006


@pytest.mark.parametrize(("small", "large"), SHAPES)
def test_cubic_keeps_every_acquired_sample(small: tuple[int, int], large: tuple[int, int]) -> None:
    lr = RNG.random((1, *small)).astype(np.float32)
    step = large[0] // small[0]
    np.testing.assert_allclose(cubic(low_field(lr, 0.0, large))[:, ::step, ::step], lr, atol=1e-5)


def test_cubic_follows_a_linear_ramp_inside_the_image() -> None:
    ramp = np.broadcast_to(np.arange(24.0)[:, None], (24, 24))[None].astype(np.float32)
    expected = np.broadcast_to(np.arange(48.0)[:, None] / 2, (48, 48))
    inside = slice(20, 28)
    np.testing.assert_allclose(cubic(low_field(ramp, 0.0, (48, 48)))[0][inside], expected[inside], atol=0.02)


def test_without_noise_non_local_means_is_zero_filling() -> None:
    lr = RNG.random((2, 16, 16)).astype(np.float32)
    low = low_field(lr, 0.0, (32, 32))
    np.testing.assert_array_equal(non_local_means(low), zero_filling(low))


@pytest.mark.parametrize(("rician", "coils", "expected"), [(True, 3, np.sqrt(0.94)), (False, 3, 1.0)])
def test_the_bias_that_is_removed_is_that_of_the_coils_and_none_in_phase(
    rician: bool, coils: int, expected: float
) -> None:
    flat = low_field(np.ones((1, 24, 24), np.float32), 0.1, (48, 48))
    result = non_local_means(dataclasses.replace(flat, rician=rician, coils=coils))
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_one_denoising_serves_both_forms_of_non_local_means(monkeypatch: pytest.MonkeyPatch) -> None:
    low = low_field(RNG.random((3, 16, 16)).astype(np.float32), 0.1, (32, 32))
    alone = [BASELINES[name](dataclasses.replace(low)) for name in ("nlm", "nlm-biased")]
    denoised: list[int] = []

    def counted(image: np.ndarray, **settings: Any) -> np.ndarray:
        denoised.append(1)
        return denoise_nl_means(image, **settings)

    monkeypatch.setattr(baselines, "denoise_nl_means", counted)
    np.testing.assert_array_equal([BASELINES[name](low) for name in ("nlm", "nlm-biased")], alone)
    assert len(denoised) == 3


def rician(clean: np.ndarray, sigma: float) -> np.ndarray:
    noise = RNG.standard_normal((2, *clean.shape)) * sigma
    return np.hypot(clean + noise[0], noise[1]).astype(np.float32)


def test_non_local_means_takes_noise_out_and_keeps_an_edge() -> None:
    step = np.where(np.arange(48) < 24, 0.3, 0.9)
    clean = np.broadcast_to(step, (48, 48))[None].astype(np.float32)
    noisy = rician(clean, 0.05)
    result = non_local_means(low_field(noisy, 0.05, (96, 96)))[0]
    plain = zero_filling(low_field(noisy, 0.05, (96, 96)))[0]
    flat = (slice(16, 80), slice(12, 36))
    assert result[flat].std() < 0.5 * plain[flat].std()
    assert result[:, 54:84].mean() - result[:, 12:36].mean() == pytest.approx(0.6, abs=0.02)


def test_bias_removal_blackens_the_background_and_leaving_it_out_does_not() -> None:
    noise = rician(np.zeros((1, 48, 48)), 0.05)
    floor = 0.05 * np.sqrt(np.pi / 2)
    assert np.abs(non_local_means(low_field(noise, 0.05, (96, 96)))).mean() < 0.2 * floor
    assert non_local_means_biased(low_field(noise, 0.05, (96, 96))).mean() == pytest.approx(floor, rel=0.1)


def test_bias_removal_darkens_dim_tissue_by_less_than_a_tenth_where_the_noise_brightened_it() -> None:
    noisy = rician(np.full((1, 48, 48), 0.12), 0.05)
    # The formula is exact for the mean of m^2, not of m: it takes off twice the bias.
    assert 0.108 < non_local_means(low_field(noisy, 0.05, (96, 96))).mean() < 0.12
    assert 0.12 < non_local_means_biased(low_field(noisy, 0.05, (96, 96))).mean() < 0.132
