"""Losses: what each one measures, how they add up, and that they are saved with a model."""

import functools
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.networks.losses import LOSSES, WeightedLoss, build_loss, kspace

every_loss = pytest.mark.parametrize("name", LOSSES)


@functools.cache
def pair(size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    true = rng.random((3, size, size, 1)).astype("float32")
    return true, true + 0.1 * rng.standard_normal(true.shape).astype("float32")


@every_loss
def test_equal_images_cost_nothing_but_an_epsilon(name: str) -> None:
    true, _ = pair()
    assert float(build_loss(name)(true, true)) == pytest.approx(0.0, abs=1.001e-3)


@every_loss
def test_a_larger_error_costs_more(name: str) -> None:
    true, noisy = pair()
    loss = build_loss(name)
    costs = [float(loss(true, true + factor * (noisy - true))) for factor in (0.0, 0.5, 1.0, 2.0)]
    assert costs == sorted(costs)
    assert costs[0] < costs[1] < costs[3]


@every_loss
def test_the_loss_of_a_batch_is_the_mean_of_its_images(name: str) -> None:
    true, noisy = pair()
    loss = build_loss(name)
    apart = [float(loss(true[index : index + 1], noisy[index : index + 1])) for index in range(3)]
    assert float(loss(true, noisy)) == pytest.approx(np.mean(apart), rel=1e-5)


@every_loss
@pytest.mark.parametrize("case", ["equal images", "empty images", "noisy images"])
def test_gradients_are_finite(name: str, case: str) -> None:
    true, noisy = pair()
    true = np.zeros_like(true) if case == "empty images" else true
    predicted = tf.constant(noisy if case == "noisy images" else true)
    with tf.GradientTape() as tape:
        tape.watch(predicted)
        cost = build_loss(name)(true, predicted)
    assert np.isfinite(tape.gradient(cost, predicted)).all()


@pytest.mark.parametrize(
    ("name", "of_keras"), [("mse", "mean_squared_error"), ("mae", "mean_absolute_error")]
)
def test_mse_and_mae_are_those_of_keras(name: str, of_keras: str) -> None:
    true, noisy = pair()
    expected = np.mean(keras.losses.get(of_keras)(true, noisy))
    assert float(build_loss(name)(true, noisy)) == pytest.approx(expected, rel=1e-6)


def test_charbonnier_is_mae_for_large_errors() -> None:
    true, _ = pair()
    assert float(build_loss("charbonnier")(true, true + 1.0)) == pytest.approx(1.0, rel=1e-5)


def test_the_gradient_loss_is_blind_to_brightness() -> None:
    true, _ = pair()
    assert float(build_loss("gradient")(true, true + 0.5)) == pytest.approx(0.0, abs=1e-6)


def test_the_gradient_loss_of_a_ramp_is_its_slope() -> None:
    ramp = np.arange(8, dtype="float32")[None, :, None, None] * np.ones((1, 8, 8, 1), "float32") * 0.25
    assert float(build_loss("gradient")(np.zeros_like(ramp), ramp)) == pytest.approx(0.25)


@pytest.mark.parametrize("shape", [(2, 8, 8, 1), (1, 7, 10, 1)])
def test_the_kspace_loss_is_the_mean_magnitude_of_the_orthonormal_transform(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    true, predicted = (rng.random(shape).astype("float32") for _ in range(2))
    expected = np.abs(np.fft.fft2(predicted - true, axes=(1, 2), norm="ortho")).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(kspace(true, predicted), expected, rtol=1e-5)


def test_weighted_losses_add_up() -> None:
    true, noisy = pair()
    weights = {"mse": 1.0, "ssim": 0.1, "kspace": 0.02}
    expected = sum(weight * float(build_loss(name)(true, noisy)) for name, weight in weights.items())
    assert float(build_loss(weights)(true, noisy)) == pytest.approx(expected, rel=1e-6)


def test_a_loss_of_keras_own_has_one_value_an_image_beside_others(monkeypatch: pytest.MonkeyPatch) -> None:
    true, made = pair()
    monkeypatch.setitem(LOSSES, "by pixel", keras.losses.mean_squared_error)
    both = build_loss({"by pixel": 1.0, "mse": 2.0}).call(true, made)
    np.testing.assert_allclose(both, 3.0 * np.square(made - true).mean(axis=(1, 2, 3)), rtol=1e-5)


def test_a_name_alone_weighs_one() -> None:
    assert build_loss("mae").weights == build_loss({"mae": 1}).weights == {"mae": 1.0}


def test_a_weight_may_be_a_number_of_numpy() -> None:
    assert build_loss({"mae": np.float32(0.5)}).weights == {"mae": 0.5}


def test_a_configuration_keeps_the_dtype() -> None:
    loss = WeightedLoss({"mse": 1.0}, dtype="float64")
    assert WeightedLoss.from_config(loss.get_config()).dtype == "float64"


def test_a_loss_is_saved_with_its_model(tmp_path: Path) -> None:
    image = keras.Input((16, 16, 1))
    model = keras.Model(image, keras.layers.Conv2D(1, 3, padding="same")(image))
    model.compile(optimizer="adam", loss=build_loss({"mse": 1.0, "ssim": 0.1}))
    true, noisy = (one[:, :16, :16] for one in pair())
    cost = model.train_on_batch(noisy, true)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(again.loss, WeightedLoss)
    assert again.loss.weights == {"mse": 1.0, "ssim": 0.1}
    assert again.test_on_batch(noisy, true) == pytest.approx(model.test_on_batch(noisy, true), rel=1e-6)
    assert np.isfinite(cost)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_the_loss_is_float32_under_mixed_precision(policy: str) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        cost = build_loss("ssim")(*pair())
    finally:
        keras.config.set_dtype_policy(before)
    assert cost.dtype == tf.float32


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mean", "mse, mae.*Received: 'mean'"),
        ({"mse": 1, "perceptual": 1}, "Received: 'perceptual'"),
        ({"mse": -1.0}, "above 0 for the loss mse"),
        ({"mse": 0}, "above 0 for the loss mse"),
        ({"mse": "1"}, "above 0 for the loss mse"),
        ({"mse": float("nan")}, "above 0 for the loss mse"),
        ({}, "at least one loss"),
        (["mse"], r"weights by name. Received: \['mse'\]"),
        (None, "weights by name. Received: None"),
    ],
)
def test_a_wrong_loss_is_refused(spec: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_loss(spec)
