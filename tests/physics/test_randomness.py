"""The generator's numbers are distributed as promised and depend on the image's own seed alone."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from lfsr_tf.physics.randomness import complex_normal, uniform


def seeds(count, start=0):
    return tf.stack([tf.range(start, start + count), 7 * tf.range(start, start + count)], axis=1)


def pcg4d(words):
    """The published listing, in Python integers."""
    mask = 0xFFFFFFFF
    x, y, z, w = ((word * 1664525 + 1013904223) & mask for word in words)
    for turn in range(2):
        x = (x + y * w) & mask
        y = (y + z * x) & mask
        z = (z + x * y) & mask
        w = (w + y * z) & mask
        if turn == 0:
            x, y, z, w = (word ^ (word >> 16) for word in (x, y, z, w))
    return x, y, z, w


def test_uniform_numbers_are_the_published_hash_of_counter_seed_and_stream():
    drawn = uniform(tf.constant([[-5, 2**31 - 1]]), 64, stream=9).numpy()[0]
    words = [pcg4d((n, -5 & 0xFFFFFFFF, 2**31 - 1, 9)) for n in range(16)]
    expected = np.concatenate([[(word[i] >> 9) / 2**23 for word in words] for i in range(4)])
    np.testing.assert_allclose(drawn, expected, rtol=0, atol=1e-7)


def test_uniform_numbers_fill_the_unit_interval_evenly():
    numbers = uniform(seeds(500), 101, stream=1).numpy()
    assert numbers.min() >= 0.0
    assert numbers.max() < 1.0
    assert stats.kstest(numbers.ravel(), "uniform").pvalue > 1e-3
    assert stats.kstest(numbers[:, 0], "uniform").pvalue > 1e-3


def test_noise_is_white_complex_gaussian_of_unit_deviation():
    noise = complex_normal(seeds(100), (64, 64), stream=0).numpy()
    for channel in (noise.real, noise.imag):
        assert abs(channel.mean()) < 0.007
        assert channel.std() == pytest.approx(1.0, abs=0.005)
        assert stats.kstest(channel.ravel()[:50_000], "norm").pvalue > 1e-3
    spectrum = (np.abs(np.fft.fft2(noise, norm="ortho")) ** 2).mean(axis=0) / 2
    # Each is the mean of 100 exponential variables.
    assert spectrum.std() == pytest.approx(0.1, rel=0.1)
    assert abs(np.corrcoef(noise.real.ravel(), noise.imag.ravel())[0, 1]) < 0.007


@pytest.mark.parametrize("shape", [(64, 64), (31, 29), (5, 3)])
def test_an_images_numbers_do_not_depend_on_its_batch(shape):
    together = complex_normal(seeds(7), shape, stream=0).numpy()
    alone = [complex_normal(seeds(1, start=i), shape, stream=0).numpy()[0] for i in range(7)]
    np.testing.assert_array_equal(together, alone)


def test_different_seeds_and_streams_give_unrelated_noise():
    noise = complex_normal(seeds(2), (64, 64), stream=0).numpy()
    other = complex_normal(seeds(2), (64, 64), stream=1).numpy()
    swapped = complex_normal(seeds(2)[:, ::-1], (64, 64), stream=0).numpy()
    for first, second in [(noise[0], noise[1]), (noise[0], other[0]), (noise[1], swapped[1])]:
        assert abs(np.corrcoef(first.real.ravel(), second.real.ravel())[0, 1]) < 0.06


def test_noise_has_no_infinities():
    assert np.isfinite(complex_normal(seeds(300), (64, 64), stream=0).numpy()).all()


def test_graph_and_eager_draw_the_same_noise():
    spec = tf.TensorSpec([None, 2], tf.int32)
    graph = tf.function(lambda s: complex_normal(s, (9, 11), 0), input_signature=[spec])
    np.testing.assert_allclose(graph(seeds(5)), complex_normal(seeds(5), (9, 11), 0), atol=1e-6)
