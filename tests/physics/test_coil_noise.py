"""Noise of combined coils, against what many draws of correlated noise leave in the combined image."""

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.inference.consistency import magnitude_mean
from lfsr_tf.physics.coil_noise import CombinedNoise, combined_noise
from lfsr_tf.physics.fourier import fft2c
from lfsr_tf.physics.noise import estimate_sigma_complex, estimate_sigma_kspace
from lfsr_tf.physics.phase import in_phase_image

SIGMA = 0.02
Images = NDArray[np.complex64]


class Scanner:
    """A bright disc seen by coils around it, whose noise is correlated as their sensitivities are."""

    def __init__(self, coils: int, correlated: float) -> None:
        y, x = (np.mgrid[:96, :96] - 48) / 96
        self.disc = np.hypot(x, y) < 0.28
        angles = 2 * np.pi * np.arange(coils)[:, None, None] / coils
        distance = np.square(x - 0.6 * np.cos(angles)) + np.square(y - 0.6 * np.sin(angles))
        seen = np.exp(-3 * distance + 1j * (angles + 2 * x * np.cos(angles)))
        seen /= np.linalg.norm(seen, axis=0)
        self.object = (seen * self.disc)[None]
        inside = seen[:, self.disc]
        covariance = inside @ inside.conj().T
        scale = np.sqrt(np.diag(covariance).real)
        covariance /= np.outer(scale, scale)
        self.covariance = SIGMA**2 * (correlated * covariance + (1 - correlated) * np.eye(coils))

    def noise(self, seed: int, slices: int = 1) -> Images:
        real, imaginary = np.random.default_rng(seed).normal(size=(2, slices, *self.object.shape[1:]))
        mixed = np.einsum("cd,sdyx->scyx", np.linalg.cholesky(self.covariance), real + 1j * imaginary)
        return mixed.astype(np.complex64)

    def scan(self, seed: int, slices: int = 1) -> Images:
        return (self.object + self.noise(seed, slices)).astype(np.complex64)


@pytest.mark.parametrize(("coils", "correlated"), [(4, 0.0), (4, 0.5), (8, 0.3), (8, 0.7)])
def test_noise_is_what_many_draws_leave_in_the_combined_image(coils: int, correlated: float) -> None:
    scanner = Scanner(coils, correlated)
    draws = scanner.scan(0, slices=60)
    spread = in_phase_image(tf.constant(draws)).numpy().std(axis=0)[scanner.disc]
    magnitudes = np.linalg.norm(draws, axis=1).std(axis=0)[scanner.disc]
    found = combined_noise(scanner.scan(1, slices=4), SIGMA)
    assert found.sigma == pytest.approx(np.sqrt(np.square(spread).mean()), rel=0.03)
    assert found.sigma == pytest.approx(np.sqrt(np.square(magnitudes).mean()), rel=0.03)
    if correlated:
        assert found.sigma > 1.1 * SIGMA


@pytest.mark.parametrize("correlated", [0.0, 0.7])
def test_so_many_coils_have_the_floor_of_the_root_sum_of_squares(correlated: float) -> None:
    scanner = Scanner(8, correlated)
    found = combined_noise(scanner.scan(1, slices=4), SIGMA)
    assert found.coils * found.sigma**2 == pytest.approx(8 * SIGMA**2)
    floor = np.linalg.norm(scanner.noise(2, slices=20), axis=1).mean()
    assert magnitude_mean(np.zeros(1), found.sigma, found.coils)[0] == pytest.approx(floor, rel=0.03)


def test_an_object_that_fills_the_view_leaves_the_noise_of_the_coils() -> None:
    filled = Scanner(8, 0.7).scan(1)[:, :, 30:66, 30:66]
    assert combined_noise(filled, SIGMA) == CombinedNoise(SIGMA, 8.0)


def test_noise_without_an_object_stays_that_of_the_coils() -> None:
    assert combined_noise(Scanner(4, 0.5).noise(0), SIGMA) == CombinedNoise(SIGMA, 4.0)


def test_estimates_of_several_coils_are_those_of_their_combination() -> None:
    images = Scanner(8, 0.7).scan(1, slices=4)
    combined = combined_noise(images, SIGMA)
    for estimate in (
        estimate_sigma_complex(images, coil_axis=1),
        estimate_sigma_kspace(fft2c(images), coil_axis=1),
        estimate_sigma_complex(np.moveaxis(images, 1, 0), coil_axis=0),
    ):
        assert estimate.sigma == pytest.approx(combined.sigma, rel=0.02)
        assert estimate.coils == pytest.approx(combined.coils, rel=0.02)
