"""Networks that are told the noise level: their input, what they do with it, and who tells them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from lfsr_tf.errors import ConfigError, ModelError
from lfsr_tf.inference.network import run_here
from lfsr_tf.inference.predict import SlicePredictor
from lfsr_tf.networks import (
    ModelInfo,
    TrainedModel,
    build_network,
    load_model,
    save_model,
    scale_of,
    takes_noise_level,
    with_noise_level,
)
from lfsr_tf.physics.views import OWN

SMALL: dict[str, dict[str, Any]] = {
    "ResidualSR": {"blocks": 2, "filters": 4},
    "UNetSR": {"blocks": [1, 1], "filters": [4, 6]},
    "SelfEnsemble": {"of": "ResidualSR", "blocks": 2, "filters": 4},
}
every_network = pytest.mark.parametrize("name", SMALL)


def build(name: str) -> keras.Model:
    """A small network with random weights that takes the noise level."""
    model = build_network(name, **SMALL[name], noise_level=True)
    rng = np.random.default_rng(0)
    model.set_weights([0.2 * rng.standard_normal(w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).random(shape).astype("float32")


@every_network
def test_the_level_is_a_second_channel_that_matters(name: str) -> None:
    model, lr = build(name), images(2, 9, 11, 1)
    low, high = (np.asarray(model(with_noise_level(lr, level))) for level in (0.0, 0.08))
    assert low.shape == (2, 18, 22, 1)
    assert np.abs(low - high).max() > 1e-4
    mixed = np.asarray(model(with_noise_level(lr, np.array([0.0, 0.08], "float32"))))
    np.testing.assert_allclose(mixed, np.stack([low[0], high[1]]), atol=1e-6)


@every_network
def test_an_untrained_network_interpolates_the_image_alone(name: str) -> None:
    lr = images(1, 8, 8, 1)
    told = build_network(name, **SMALL[name], noise_level=True)(with_noise_level(lr, 0.05))
    np.testing.assert_allclose(told, build_network(name, **SMALL[name])(lr), atol=1e-6)


@every_network
def test_it_is_recognised_and_survives_the_disk(name: str, tmp_path: Path) -> None:
    model = build(name)
    assert takes_noise_level(model)
    assert scale_of(model) == 2
    settings = {**SMALL[name], "noise_level": True}
    save_model(model, ModelInfo(name, name, settings, 2), tmp_path / "best.keras")
    given = with_noise_level(images(1, 7, 6, 1), 0.02)
    assert np.array_equal(load_model(tmp_path).model(given), model(given))


@every_network
def test_tiles_equal_the_whole(name: str) -> None:
    model, lr = build(name), images(1, 64, 48, 1)
    network = run_here(TrainedModel(model, ModelInfo(name, name, {}, 2)))
    predictor = SlicePredictor(network, pixel_budget=2600)
    assert len(predictor.tiles(64, 48)) > 1
    whole = np.asarray(model(with_noise_level(lr, 0.04)))[..., 0]
    np.testing.assert_allclose(predictor({OWN: lr[..., 0]}, noise_level=0.04), whole, atol=1e-5)


def test_networks_without_the_setting_take_one_channel() -> None:
    assert not takes_noise_level(build_network("ResidualSR", blocks=1, filters=2))


@pytest.mark.parametrize("value", [1, "yes", None])
def test_the_setting_is_true_or_false(value: object) -> None:
    with pytest.raises(ConfigError, match="noise_level"):
        build_network("ResidualSR", noise_level=value)


def test_a_network_of_three_channels_is_refused() -> None:
    colour = keras.Input((None, None, 3))
    with pytest.raises(ModelError, match="Expected a network for images"):
        scale_of(TrainedModel(keras.Model(colour, colour), ModelInfo("odd", "own", {}, 1)).model)


class Subclassed(keras.Model):
    """A network that is not functional, so that Keras does not know its input."""

    def call(self, lr: Any) -> Any:
        return keras.ops.repeat(keras.ops.repeat(lr, 2, axis=1), 2, axis=2)


@pytest.mark.parametrize("asked", [scale_of, takes_noise_level])
def test_a_network_that_is_not_functional_is_refused(asked: Callable[[keras.Model], object]) -> None:
    network = Subclassed(name="sub")
    network(images(1, 4, 4, 1))
    with pytest.raises(ModelError, match=r"Received: sub, whose input_shape is None\. .*keras\.Model\("):
        asked(network)
