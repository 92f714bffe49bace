"""Which samples of k-space are empty, and what the finest high-pass leaves of the noise in the others."""

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.physics.coverage import diagonal_gain, measured_samples
from lfsr_tf.physics.fourier import image_to_kspace, kspace_to_image


def noise_in(kept: np.ndarray, count: int = 3) -> tf.Tensor:
    """Images [N, H, W] of noise of sigma 1 in the samples that are kept."""
    channels = np.random.default_rng(0).normal(size=(2, count, *kept.shape))
    return kspace_to_image(tf.constant(np.where(kept, channels[0] + 1j * channels[1], 0.0), tf.complex64))


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("shape", [(64, 48), (63, 47)])
def test_rounding_is_not_taken_for_a_sample(shape: tuple[int, int], factor: float) -> None:
    kept = np.random.default_rng(1).uniform(size=shape) < 0.6
    power = np.square(np.abs(image_to_kspace(factor * noise_in(kept))))
    np.testing.assert_array_equal(measured_samples(power), np.broadcast_to(kept, (3, *shape)))


@pytest.mark.parametrize("shape", [(64, 48), (63, 47)])
def test_all_noise_is_left_where_every_sample_was_measured(shape: tuple[int, int]) -> None:
    images = noise_in(np.ones(shape, bool))
    np.testing.assert_allclose(diagonal_gain(images, per_image=True), 1.0, rtol=1e-5)


def test_the_gain_is_that_of_the_difference_along_both_axes() -> None:
    """With the images closed to rings, each sample's part is exact."""
    rows, columns = np.meshgrid(np.linspace(-1, 1, 64), np.linspace(-1, 1, 48), indexing="ij")
    kept = np.hypot(rows, columns) < 0.8
    images = noise_in(kept, 200).numpy()
    along = images - np.roll(images, 1, axis=-1)
    diagonal = (along - np.roll(along, 1, axis=-2)) / 2
    assert float(diagonal_gain(images)) == pytest.approx(diagonal.std() / images.std(), rel=0.01)


def test_one_gain_for_each_image_inside_a_graph_and_none_for_nothing() -> None:
    images = tf.concat([noise_in(np.ones((32, 32), bool), 1), tf.zeros([1, 32, 32], tf.complex64)], axis=0)
    images = tf.concat([images, tf.ones([1, 32, 32], tf.complex64)], axis=0)
    spec = tf.TensorSpec([None, None, None], tf.complex64)
    graph = tf.function(lambda x: diagonal_gain(x, per_image=True), input_signature=[spec])
    np.testing.assert_allclose(graph(images), [1.0, 0.0, 0.0], atol=1e-5)
    assert graph(images[:0]).shape == (0,)
