"""The reference intensity is NumPy's 99.9th percentile."""

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.physics import reference_intensity, safe_reference


@pytest.mark.parametrize("shape", [(1,), (2,), (5, 7), (1000,), (1001,), (3, 33, 47)])
def test_reference_equals_numpys_percentile(shape):
    values = np.random.default_rng(0).gamma(2.0, size=shape).astype(np.float32)
    assert reference_intensity(values).numpy() == pytest.approx(np.percentile(values, 99.9), rel=1e-6)


def test_one_reference_an_image_equals_numpys_percentiles():
    values = np.random.default_rng(0).gamma(2.0, size=(5, 41, 37)).astype(np.float32)
    expected = np.percentile(values, 99.9, axis=(1, 2))
    np.testing.assert_allclose(reference_intensity(values, per_image=True), expected, rtol=1e-6)


def test_integer_voxels_are_accepted():
    values = np.arange(10_000, dtype=np.int16).reshape(100, 100)
    assert reference_intensity(values).numpy() == pytest.approx(np.percentile(values, 99.9), rel=1e-6)


def test_a_graph_with_unknown_shapes_agrees_with_numpy():
    spec = tf.TensorSpec([None, None, None], tf.float32)
    graph = tf.function(lambda x: reference_intensity(x, per_image=True), input_signature=[spec])
    for shape in [(1, 8, 8), (4, 31, 17)]:
        values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        np.testing.assert_allclose(graph(values), np.percentile(values, 99.9, axis=(1, 2)), rtol=1e-5)


def test_an_empty_image_is_divided_by_one():
    np.testing.assert_array_equal(safe_reference(tf.constant([0.0, 2.0, -1.0])), [1.0, 2.0, 1.0])
