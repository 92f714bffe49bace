import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from lfsr_tf.inference.consistency import RINGS, consistency_by_ring, magnitude_mean
from lfsr_tf.inference.in_phase_noise import in_phase_moments
from lfsr_tf.physics.phase import in_phase_image
from lfsr_tf.physics.sampling import fourier_downsample, zero_fill_magnitude

SIGMA = 0.04


def object_and_measurement(coils: int = 1, count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """A true object [N, 96, 80] and its noisy magnitude of half the matrix."""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[-1:1:96j, -1:1:80j]
    disc = 1.0 / (1.0 + np.exp(25 * (np.hypot(rows, columns) - 0.7)))
    truth = np.repeat((disc * (0.6 + 0.2 * np.cos(8 * rows)))[np.newaxis], count, axis=0).astype(np.float32)
    signal = np.abs(fourier_downsample(tf.constant(truth), (48, 40)).numpy())
    noise = generator.normal(0, SIGMA, (coils, *signal.shape, 2)) @ [1, 1j]
    channels = signal / np.sqrt(coils) + noise
    return truth, np.sqrt(np.square(np.abs(channels)).sum(axis=0)).astype(np.float32)


@pytest.mark.parametrize("coils", [1, 4])
def test_the_true_object_differs_from_its_measurement_by_the_noise_in_every_ring(coils: int) -> None:
    truth, measured = object_and_measurement(coils)
    rings = consistency_by_ring(measured, truth, SIGMA, coils=coils)
    chi_squares = [ring.chi_square for ring in rings]
    assert len(rings) == RINGS
    # Beyond the first ring, whose few samples hold the mean of the noise floor.
    np.testing.assert_allclose(chi_squares[1:], 1.0, atol=0.25)
    assert chi_squares[0] < 4.0


@pytest.mark.parametrize(("coils", "scatter"), [(1, 0.25), (4, 0.25), (8, 0.3)])
def test_the_part_in_phase_has_other_noise(coils: int, scatter: float) -> None:
    truth, _ = object_and_measurement(count=24)
    signal = fourier_downsample(tf.constant(truth), (48, 40)).numpy()[:, None] * smooth_shares(coils)
    noise = np.random.default_rng(1).normal(0, SIGMA, (*signal.shape, 2)) @ [1, 1j]
    measured = in_phase_image(tf.constant(signal + noise, tf.complex64)).numpy()
    rings = consistency_by_ring(measured, truth, SIGMA, image="in_phase", coils=coils)
    np.testing.assert_allclose([ring.chi_square for ring in rings][1:], 1.0, atol=scatter)
    assert rings[0].chi_square < 4.0
    taken_for_magnitudes = consistency_by_ring(measured, truth, SIGMA, coils=coils)
    assert taken_for_magnitudes[0].chi_square > 5 * rings[0].chi_square


def smooth_shares(coils: int) -> np.ndarray:
    """The share of each coil in a signal [C, 48, 40], of unit power over the coils, with a phase."""
    rows, columns = np.mgrid[-1:1:48j, -1:1:40j]
    turns = 2 * np.pi * np.arange(coils)[:, None, None] / coils
    near = np.exp(0.4 * (rows * np.sin(turns) + columns * np.cos(turns)) + 1j * turns)
    return near / np.sqrt(np.square(np.abs(near)).sum(axis=0))


@pytest.mark.parametrize("coils", [1, 4, 16])
@pytest.mark.parametrize("level", [0.0, 0.02, 0.05, 0.1, 1.0, 4.0])
def test_the_moments_of_the_part_in_phase_are_those_of_noisy_images(level: float, coils: int) -> None:
    noise = np.random.default_rng(2).normal(0, SIGMA, (60, coils, 64, 64, 2)) @ [1, 1j]
    signal = level / np.sqrt(coils) * np.exp(0.7j)
    drawn = in_phase_image(tf.constant(signal + noise, tf.complex64)).numpy()
    mean, power = in_phase_moments(np.array([level]), SIGMA, coils)
    assert drawn.mean() == pytest.approx(mean[0], abs=0.02 * SIGMA)
    assert drawn.var() == pytest.approx(power[0] - mean[0] ** 2, rel=0.03)


@pytest.mark.parametrize("coils", [128, 256])
def test_the_moments_of_the_part_in_phase_are_finite_for_any_number_of_coils(coils: int) -> None:
    mean, power = in_phase_moments(np.array([0.0, 1.0]), SIGMA, coils)
    assert np.isfinite([mean, power]).all()
    assert SIGMA < mean[0] < magnitude_mean(np.array([0.0]), SIGMA, coils)[0]


def test_zero_filling_keeps_the_noise_so_nothing_is_left() -> None:
    _, measured = object_and_measurement()
    kept = zero_fill_magnitude(tf.constant(measured), (96, 80)).numpy()
    assert max(ring.chi_square for ring in consistency_by_ring(measured, kept, SIGMA)[1:]) < 0.3


def test_a_result_that_contradicts_the_measurement_is_found_in_the_ring_where_it_does() -> None:
    truth, measured = object_and_measurement()
    wave = 0.5 * np.cos(2 * np.pi * 15 * np.arange(80) / 80).astype(np.float32)
    rings = consistency_by_ring(measured, truth * (1 + wave), SIGMA)
    worst = max(rings[1:], key=lambda ring: ring.chi_square)
    # 15 of 20 lines to the Nyquist limit.
    assert worst.inner <= 15 / 20 < worst.outer
    assert worst.chi_square > 4 > max(rings[1].chi_square, rings[2].chi_square)


def test_without_sigma_only_the_relative_difference_is_given() -> None:
    truth, measured = object_and_measurement()
    rings = consistency_by_ring(measured, truth, None)
    assert all(ring.chi_square is None for ring in rings)
    assert rings[0].relative_difference < 0.1


def test_the_rings_hold_every_sample_once() -> None:
    truth, measured = object_and_measurement(count=2)
    assert sum(ring.samples for ring in consistency_by_ring(measured, truth, SIGMA)) == measured.size


@pytest.mark.parametrize("coils", [2, 8])
def test_the_mean_of_the_non_central_chi_distribution_is_that_of_its_samples(coils: int) -> None:
    generator = np.random.default_rng(0)
    for signal in (0.0, 1.5, 8.0):
        noise = generator.normal(size=(200_000, coils, 2)) @ [1, 1j]
        samples = np.sqrt(np.square(np.abs(noise + signal / np.sqrt(coils))).sum(axis=1))
        assert magnitude_mean(np.array([signal]), 1.0, coils)[0] == pytest.approx(samples.mean(), rel=3e-3)


@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_the_mean_of_the_rice_distribution_is_scipy_s(sigma: float) -> None:
    signal = np.array([0.0, 0.1, 1.0, 5.0, 20.0])
    np.testing.assert_allclose(
        magnitude_mean(signal, sigma), scipy.stats.rice.mean(signal / sigma, scale=sigma), rtol=1e-8
    )
    assert np.isfinite(magnitude_mean(np.array([1e6]), 1e-3)).all()


def test_values_with_a_sign_are_no_magnitudes() -> None:
    truth, _ = object_and_measurement()
    signal = fourier_downsample(tf.constant(truth), (48, 40)).numpy().real
    noisy = signal + np.random.default_rng(3).normal(0, SIGMA, signal.shape).astype(np.float32)
    for shift in (0.0, 5.0):
        rings = consistency_by_ring(noisy - shift, truth - shift, SIGMA, signed=True)
        np.testing.assert_allclose([ring.chi_square for ring in rings], 1.0, atol=0.3)


def test_a_magnitude_that_rings_below_0_is_still_one() -> None:
    truth, measured = object_and_measurement()
    rung = measured.copy()
    rung[:, 0, ::9] = -0.01
    for ring, same in zip(*(consistency_by_ring(lr, truth, SIGMA) for lr in (measured, rung)), strict=True):
        assert same.chi_square == pytest.approx(ring.chi_square, rel=0.3)


def test_the_unit_of_the_scan_does_not_matter() -> None:
    truth, measured = object_and_measurement()
    rings, huge = (
        consistency_by_ring(measured * unit, truth * unit, SIGMA * float(unit))
        for unit in (np.float32(1.0), np.float32(1e37))
    )
    for ring, same in zip(rings, huge, strict=True):
        assert same.chi_square == pytest.approx(ring.chi_square, rel=1e-3)
        assert same.relative_difference == pytest.approx(ring.relative_difference, rel=1e-3)
