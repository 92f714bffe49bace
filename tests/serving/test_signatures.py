import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.physics.fourier import fft2c
from lfsr_tf.serving.signatures import SIGNATURES


def double(images: tf.Tensor) -> tf.Tensor:
    return tf.repeat(tf.repeat(images, 2, axis=1), 2, axis=2)


def brightness(images: tf.Tensor) -> tf.Tensor:
    """A network that answers with its input's maximum: what it was given can be read from what it gives."""
    return double(tf.zeros_like(images) + tf.reduce_max(images, axis=[1, 2, 3], keepdims=True))


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).random((3, 18, 15, 1)).astype(np.float32)


def test_each_image_is_normalised_by_its_own_reference(images: np.ndarray) -> None:
    scaled = images * np.array([1, 50, 0.01], np.float32)[:, None, None, None]
    serve = SIGNATURES["serving_default"].build(brightness)
    result = serve(image=tf.constant(scaled))["sr"].numpy()
    # Maximum over reference, times reference: the maximum again, in each image's own unit.
    np.testing.assert_allclose(result[:, 0, 0, 0], scaled.max(axis=(1, 2, 3)), rtol=1e-5)


def test_the_answer_of_one_image_does_not_depend_on_the_batch(images: np.ndarray) -> None:
    serve = SIGNATURES["serving_default"].build(lambda batch: double(tf.square(batch)))
    together = serve(image=tf.constant(images))["sr"].numpy()
    alone = [serve(image=tf.constant(images[index : index + 1]))["sr"].numpy() for index in range(3)]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-6)


@pytest.mark.parametrize("shape", [(18, 15), (17, 20), (16, 16)])
def test_k_space_gives_what_its_magnitude_image_gives(shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    image = (generator.normal(size=(2, *shape, 2)) @ [1, 1j]).astype(np.complex64)
    samples = fft2c(tf.constant(image)).numpy()[..., np.newaxis]
    network = double
    from_kspace = SIGNATURES["kspace"].build(network)(
        real=tf.constant(samples.real), imaginary=tf.constant(samples.imag)
    )
    from_image = SIGNATURES["serving_default"].build(network)(
        image=tf.constant(np.abs(image)[..., np.newaxis])
    )
    np.testing.assert_allclose(from_kspace["sr"], from_image["sr"], atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value: float, images: np.ndarray) -> None:
    images[1, 2, 3, 0] = value
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected finite values in image"):
        SIGNATURES["serving_default"].build(double)(image=tf.constant(images))


def test_every_signature_says_what_it_takes_and_gives() -> None:
    for signature in SIGNATURES.values():
        assert "sr: float32 [N, s H, s W, 1]" in signature.description
