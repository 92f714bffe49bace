"""The part in phase: what it keeps of the signal, and what noise it has."""

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.physics.channels import magnitude
from lfsr_tf.physics.fourier import fft2c
from lfsr_tf.physics.phase import directions, in_phase, in_phase_image, low_pass

SIGMA = 0.05


def disc(shape: tuple[int, int] = (64, 48)) -> np.ndarray:
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    return 1.0 / (1.0 + np.exp(20 * (np.hypot(rows, columns) - 0.7)))


def coil_images(coils: int, shape: tuple[int, int] = (64, 48)) -> np.ndarray:
    """Smooth, complex sensitivities of unit length over the coils, times the disc: [C, H, W]."""
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    waves = [(1 + 0.5 * coil * rows) * np.exp(1j * (3 * columns + coil * rows)) for coil in range(coils)]
    sensitivities = np.stack(waves)
    return disc(shape) * sensitivities / np.linalg.norm(sensitivities, axis=0)


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, SIGMA, (*shape, 2)) @ [1, 1j]


@pytest.mark.parametrize("coils", [1, 4])
@pytest.mark.parametrize("shape", [(64, 48), (63, 47)])
def test_a_smooth_object_is_found_whatever_its_phase_and_coils(coils: int, shape: tuple[int, int]) -> None:
    image = tf.constant(coil_images(coils, shape), tf.complex64)
    np.testing.assert_allclose(in_phase_image(image), disc(shape), atol=0.01)


def test_the_origin_of_the_image_does_not_matter() -> None:
    image = coil_images(1) + noise((1, 64, 48))
    shifted = in_phase_image(tf.constant(np.fft.fftshift(image, axes=(1, 2)), tf.complex64))
    expected = np.fft.fftshift(in_phase_image(tf.constant(image, tf.complex64)))
    np.testing.assert_allclose(shifted, expected, atol=1e-5)


@pytest.mark.parametrize("coils", [1, 4])
def test_noise_is_gaussian_in_tissue_and_less_than_a_magnitude_s_in_air(coils: int) -> None:
    shape = (40, coils, 64, 48)
    noisy = tf.constant(coil_images(coils) + noise(shape), tf.complex64)
    found, tissue, air = in_phase_image(noisy).numpy(), disc() > 0.99, disc() < 1e-3
    errors = found[:, tissue] - disc()[tissue]
    assert errors.std() == pytest.approx(SIGMA, rel=0.03)
    assert abs(errors.mean()) < 0.1 * SIGMA
    # In air the phase follows the noise itself, so more is left than half of sigma^2, a rectified Gaussian's.
    assert 0.5 * SIGMA**2 < np.square(found[:, air]).mean() < 0.7 * (2 * coils * SIGMA**2)
    assert found.min() == 0.0


def test_a_magnitude_is_the_part_in_phase_with_itself() -> None:
    image = tf.constant(noise((1, 64, 48)), tf.complex64)
    own = in_phase(image, directions(image))
    np.testing.assert_allclose(own, magnitude(image[0]), rtol=1e-5)


def test_blur_stays_that_of_the_object() -> None:
    rng = np.random.default_rng(3)
    textured = disc((96, 96)) * (1 + 0.3 * rng.standard_normal((96, 96)))
    kspace = fft2c(tf.constant(textured[None], tf.float32)).numpy()
    block = kspace[:, 24:72, 24:72]
    blurred = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(block[0]), norm="ortho"))
    phase = np.exp(1j * np.linspace(0, 6, 48))
    found = in_phase_image(tf.constant((blurred * phase)[None], tf.complex64)).numpy()
    truth = np.maximum(blurred.real, 0.0)
    inside = disc((48, 48)) > 0.99
    assert np.abs(found - truth)[inside].max() < 0.1 * truth.max()


def test_an_empty_image_stays_empty() -> None:
    empty = tf.zeros([2, 3, 16, 16], tf.complex64)
    assert not in_phase_image(empty).numpy().any()
    assert not directions(empty).numpy().any()


def test_the_window_has_its_width() -> None:
    weights = low_pass(tf.ones([64, 48], tf.complex64), 0.5).numpy().real
    assert weights[32, 24] == 1.0
    np.testing.assert_allclose([weights[48, 24], weights[32, 12], weights[16, 24]], np.exp(-1), rtol=1e-6)
    assert weights[0, 24] == pytest.approx(np.exp(-4))


def test_an_image_is_the_same_whatever_batch_it_stands_in() -> None:
    images = tf.constant(coil_images(1, (31, 30)) + noise((5, 1, 31, 30)), tf.complex64)
    together = in_phase_image(images).numpy()
    alone = np.concatenate([in_phase_image(images[i : i + 1]).numpy() for i in range(5)])
    np.testing.assert_array_equal(together, alone)
