"""Laws of the Fourier operators; NumPy is the oracle."""

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.physics import fft2c, ifft2c, image_to_kspace, kspace_to_image

SHAPES = [(8, 8), (7, 7), (6, 9), (1, 5), (16, 3)]
PAIRS = [(fft2c, ifft2c), (image_to_kspace, kspace_to_image)]


def complex_images(shape, batch=(2, 3), seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(*batch, *shape)) + 1j * rng.normal(size=(*batch, *shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_fft2c_is_numpys_centred_orthonormal_transform(shape):
    image = complex_images(shape)
    expected = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image, (-2, -1)), norm="ortho"), (-2, -1))
    np.testing.assert_allclose(fft2c(image), expected, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_image_to_kspace_is_numpys_transform_with_kspace_alone_shifted(shape):
    image = complex_images(shape)
    expected = np.fft.fftshift(np.fft.fft2(image, norm="ortho"), (-2, -1))
    np.testing.assert_allclose(image_to_kspace(image), expected, atol=1e-12)


@pytest.mark.parametrize(("forward", "inverse"), PAIRS)
@pytest.mark.parametrize("shape", SHAPES)
def test_transforms_are_unitary(forward, inverse, shape):
    first, second = complex_images(shape, seed=1), complex_images(shape, seed=2)
    np.testing.assert_allclose(inverse(forward(first)), first, atol=1e-12)
    np.testing.assert_allclose(forward(inverse(first)), first, atol=1e-12)
    np.testing.assert_allclose(np.vdot(forward(first), second), np.vdot(first, inverse(second)), rtol=1e-10)
    np.testing.assert_allclose(np.linalg.norm(forward(first)), np.linalg.norm(first))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_constant_sits_in_the_centre_of_kspace(shape):
    for forward in (fft2c, image_to_kspace):
        kspace = forward(np.ones(shape)).numpy()
        expected = np.zeros(shape)
        expected[shape[0] // 2, shape[1] // 2] = np.sqrt(np.prod(shape))
        np.testing.assert_allclose(kspace, expected, atol=1e-12)


def test_a_gaussian_becomes_the_gaussian_of_the_textbook():
    size, width = 65, 4.0
    x = np.arange(size) - size // 2
    image = np.exp(-(x[:, None] ** 2 + x[None, :] ** 2) / (2 * width**2))
    frequency = x / size
    radius = frequency[:, None] ** 2 + frequency[None, :] ** 2
    expected = 2 * np.pi * width**2 * np.exp(-2 * np.pi**2 * width**2 * radius) / size
    np.testing.assert_allclose(fft2c(image), expected, atol=1e-9)


@pytest.mark.parametrize(("dtype", "result"), [(tf.float32, tf.complex64), (tf.float64, tf.complex128)])
def test_precision_of_the_input_is_kept(dtype, result):
    assert fft2c(tf.ones([4, 4], dtype)).dtype == result


@pytest.mark.parametrize(("forward", "inverse"), PAIRS)
def test_a_graph_with_unknown_shapes_agrees_with_eager(forward, inverse):
    graph = tf.function(forward, input_signature=[tf.TensorSpec([None, None, None], tf.complex128)])
    for shape in SHAPES:
        image = complex_images(shape, batch=(3,))
        np.testing.assert_allclose(graph(image), forward(image), atol=1e-13)
        np.testing.assert_allclose(inverse(graph(image)), image, atol=1e-12)
