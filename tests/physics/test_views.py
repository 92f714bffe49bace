"""Images between their samples, and the mean of what is made of them."""

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.physics.sampling import zero_fill
from lfsr_tf.physics.views import (
    OWN,
    between_samples,
    interpolated_views,
    mean_of_views,
    mean_over_views,
    offsets,
    variance_of_views,
)

RNG = np.random.default_rng(0)


def complex_images(*shape: int) -> np.ndarray:
    return (RNG.normal(size=(*shape, 2)) @ [1, 1j]).astype(np.complex64)


def repeated(images: tf.Tensor, scale: int) -> tf.Tensor:
    """Real images, each pixel as scale x scale of them."""
    return tf.repeat(tf.repeat(tf.math.real(images), scale, axis=1), scale, axis=2)


def test_views_are_all_places_of_an_hr_sample_in_an_lr_sample() -> None:
    assert offsets(1) == (OWN,)
    assert offsets(2) == ((0, 0), (0, 1), (1, 0), (1, 1))
    assert offsets(3, columns=False) == ((0, 0), (1, 0), (2, 0))
    assert offsets(2, rows=False) == ((0, 0), (0, 1))


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("shape", [(8, 10), (9, 7), (12, 5)])
def test_an_image_between_its_samples_is_the_zero_filled_one(shape: tuple[int, int], scale: int) -> None:
    images = complex_images(2, 3, *shape)
    fine = zero_fill(images, (scale * shape[0], scale * shape[1])).numpy()
    for down, right in offsets(scale):
        found = between_samples(tf.constant(images), (down, right), scale)
        np.testing.assert_allclose(found, fine[..., down::scale, right::scale], atol=2e-5)


def test_sizes_and_places_may_be_known_in_the_graph_alone() -> None:
    images = complex_images(2, 8, 9)
    inputs = [tf.TensorSpec([None, None, None], tf.complex64)] + 3 * [tf.TensorSpec([], tf.int32)]

    @tf.function(input_signature=inputs, autograph=False)
    def moved(images: tf.Tensor, down: tf.Tensor, right: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
        return between_samples(images, (down, right), scale)

    expected = between_samples(tf.constant(images), (1, 2), 3)
    np.testing.assert_allclose(moved(images, 1, 2, 3), expected, atol=1e-6)


@pytest.mark.parametrize("scale", [2, 3])
def test_results_that_are_right_have_a_right_mean_up_to_the_border(scale: int) -> None:
    truth = RNG.random((2, 12, 15)).astype(np.float32)
    padded = np.pad(truth, [(0, 0), (0, scale), (0, scale)], constant_values=np.nan)
    results = {
        (down, right): tf.constant(np.nan_to_num(padded, nan=1e3)[:, down : down + 12, right : right + 15])
        for down, right in offsets(scale)
    }
    np.testing.assert_allclose(mean_of_views(results), truth, rtol=1e-6)


def test_errors_of_their_own_average_out() -> None:
    results = {offset: tf.constant(RNG.normal(size=(4, 64, 64)).astype(np.float32)) for offset in offsets(2)}
    assert np.std(mean_of_views(results)) == pytest.approx(0.5, rel=0.03)


def test_a_single_view_stays_as_it_is() -> None:
    result = tf.constant(RNG.random((1, 4, 4)).astype(np.float32))
    assert mean_of_views({OWN: result}) is result


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("shape", [(8, 10), (9, 1), (1, 7)])
def test_one_view_after_the_other_has_the_same_mean(shape: tuple[int, int], scale: int) -> None:
    images = complex_images(3, *shape)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None], tf.complex64)], autograph=False)
    def averaged(images: tf.Tensor) -> tf.Tensor:
        return mean_over_views(images, lambda view: repeated(view, scale))

    results = {
        offset: repeated(between_samples(tf.constant(images), offset, scale), scale)
        for offset in offsets(scale)
    }
    np.testing.assert_allclose(averaged(images), mean_of_views(results), atol=1e-5)


def test_the_variance_is_that_of_the_results_at_one_place() -> None:
    truth = RNG.random((2, 12, 15)).astype(np.float32)
    errors = {offset: RNG.normal(0, 0.1, truth.shape).astype(np.float32) for offset in offsets(2)}
    moved = {offset: np.roll(truth, (-offset[0], -offset[1]), (1, 2)) + errors[offset] for offset in errors}
    found = variance_of_views({offset: tf.constant(result) for offset, result in moved.items()}).numpy()
    back = [np.roll(error, offset, (1, 2)) for offset, error in errors.items()]
    np.testing.assert_allclose(found[:, 1:, 1:], np.var(back, axis=0)[:, 1:, 1:], atol=1e-5)
    np.testing.assert_array_equal(found[:, 0, 1:], found[:, 1, 1:])
    np.testing.assert_array_equal(found[:, :, 0], found[:, :, 1])
    assert np.all(variance_of_views({OWN: tf.constant(truth)}).numpy() == 0.0)


@pytest.mark.parametrize("signed", [False, True])
def test_interpolated_views_are_those_of_a_band_limited_image_above_its_least_value(signed: bool) -> None:
    rows, columns = np.meshgrid(np.arange(12) / 12, np.arange(10) / 10, indexing="ij")
    wave = np.cos(2 * np.pi * (2 * rows + columns))[None].astype(np.float32)
    images = wave if signed else wave + 1.0
    found = interpolated_views(images, 2)
    for (down, right), view in found.items():
        expected = np.cos(2 * np.pi * (2 * (rows + down / 24) + columns + right / 20))[None]
        # An image of values above 0 alone has no ringing below 0 between its samples either.
        least = min(images.min(), 0.0)
        np.testing.assert_allclose(view, np.maximum(expected + (not signed), least), atol=1e-5)
