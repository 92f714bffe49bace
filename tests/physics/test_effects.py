"""Laws of the effects beyond the paper: off is the identity, and each does what its name says."""

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.physics import (
    apodisation_window,
    apply_random_phase,
    bias_field,
    elliptical_mask,
    random_phase,
    t2_weights,
)
from lfsr_tf.physics.effects import APODISATION_WINDOWS, ECHO_ORDERS

SHAPES = [(16, 16), (15, 21), (8, 13)]


def seeds(count, start=0):
    return tf.stack([tf.range(start, start + count), tf.range(start, start + count)], axis=1)


def images(shape, count=5):
    return np.random.default_rng(0).uniform(0.0, 1.0, size=(count, *shape)).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_phase_leaves_the_magnitude_alone(shape):
    image = images(shape)
    np.testing.assert_allclose(np.abs(apply_random_phase(image, seeds(5))), image, atol=1e-6)


def test_phase_covers_the_full_circle_and_is_smooth():
    phase = random_phase(seeds(40), (64, 64)).numpy()
    starts, _ = np.histogram(np.mod(phase[:, 0, 0], 2 * np.pi), bins=4, range=(0, 2 * np.pi))
    assert (starts > 0).all()
    # Samples are 1/64 of the field of view apart: no step may come near half a turn.
    assert np.abs(np.diff(phase, axis=1)).max() < 1.0
    assert np.abs(np.diff(phase, axis=2)).max() < 1.0
    assert np.ptp(phase, axis=(1, 2)).mean() > np.pi


@pytest.mark.parametrize("shape", SHAPES)
def test_an_images_phase_and_shading_do_not_depend_on_its_batch(shape):
    image = images(shape, 7)
    spec = [tf.TensorSpec([None, *shape], tf.float32), tf.TensorSpec([None, 2], tf.int32)]
    for effect in (apply_random_phase, lambda x, s: x * bias_field(s, shape, 0.4)):
        graph = tf.function(effect, input_signature=spec)
        together = graph(image, seeds(7)).numpy()
        alone = [graph(image[i : i + 1], seeds(1, start=i)).numpy()[0] for i in range(7)]
        np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("strength", [0.1, 0.5, 0.9])
def test_shading_is_smooth_and_reaches_its_strength(strength):
    field = bias_field(seeds(6), (48, 40), strength).numpy()
    np.testing.assert_allclose(np.abs(field - 1.0).max(axis=(1, 2)), strength, rtol=1e-5)
    assert field.min() > 0.0
    assert np.abs(np.diff(field, axis=1)).max() < 0.2 * strength


def test_shading_of_strength_0_is_the_identity():
    np.testing.assert_array_equal(bias_field(seeds(3), (9, 8), 0.0), np.ones((3, 9, 8)))


@pytest.mark.parametrize("shape", [(64, 64), (63, 41), (64, 33)])
def test_the_ellipse_covers_pi_quarters_of_kspace_and_touches_its_sides(shape):
    mask = elliptical_mask(shape).numpy()
    assert set(np.unique(mask)) == {0.0, 1.0}
    assert mask.mean() == pytest.approx(np.pi / 4, rel=0.06)
    assert mask[shape[0] // 2, 0] == mask[0, shape[1] // 2] == 1.0
    assert mask[0, 0] == mask[-1, -1] == 0.0


@pytest.mark.parametrize("window", APODISATION_WINDOWS)
@pytest.mark.parametrize("shape", SHAPES)
def test_apodisation_keeps_the_centre_and_damps_the_rim(window, shape):
    weights = apodisation_window(shape, 0.6, window).numpy()
    assert weights.shape == shape
    assert weights[shape[0] // 2, shape[1] // 2] == pytest.approx(1.0, abs=1e-6)
    assert 0.0 <= weights.min() < 0.7
    assert weights.max() <= 1.0 + 1e-6
    falling = np.diff(weights[shape[0] // 2, shape[1] // 2 :])
    assert (falling <= 1e-6).all()


@pytest.mark.parametrize("window", APODISATION_WINDOWS)
def test_apodisation_of_strength_0_is_the_identity(window):
    np.testing.assert_array_equal(apodisation_window((9, 8), 0.0, window), np.ones((9, 8)))


@pytest.mark.parametrize("window", APODISATION_WINDOWS)
def test_a_stronger_apodisation_leaves_less_energy(window):
    energies = [
        float(tf.reduce_sum(apodisation_window((32, 32), s, window) ** 2)) for s in (0.0, 0.3, 0.6, 1.0)
    ]
    assert sorted(energies, reverse=True) == energies
    assert len(set(energies)) == 4


def test_the_full_tukey_window_is_hanns_and_the_full_hamming_window_is_hammings():
    x = np.arange(-8, 9) / 8
    hann, hamming = 0.5 + 0.5 * np.cos(np.pi * x), 0.54 + 0.46 * np.cos(np.pi * x)
    np.testing.assert_allclose(apodisation_window((17, 17), 1.0, "tukey"), np.outer(hann, hann), atol=1e-6)
    np.testing.assert_allclose(
        apodisation_window((17, 17), 1.0, "hamming"), np.outer(hamming, hamming), atol=1e-6
    )


@pytest.mark.parametrize("order", ECHO_ORDERS)
def test_decay_is_exponential_over_the_echo_train_and_1_at_the_centre(order):
    weights = t2_weights(33, 1.5, order).numpy()
    assert weights[16] == 1.0
    position = np.arange(-16, 17) / 16
    time = position / 2 if order == "linear" else np.abs(position)
    np.testing.assert_allclose(np.log(weights), -1.5 * time, atol=1e-6)


@pytest.mark.parametrize("order", ECHO_ORDERS)
def test_no_decay_in_a_train_of_no_length(order):
    np.testing.assert_array_equal(t2_weights(12, 0.0, order), np.ones(12))


def test_unknown_names_are_refused():
    with pytest.raises(ConfigError, match="apodisation window"):
        apodisation_window((8, 8), 0.5, "welch")
    with pytest.raises(ConfigError, match="echo order"):
        t2_weights(8, 0.5, "random")
