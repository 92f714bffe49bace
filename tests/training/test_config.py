"""TrainConfig: ranges, unknown names, and the way to JSON and back."""

import dataclasses
import json

import numpy as np
import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.training.config import TrainConfig


def test_the_defaults_are_the_papers_batch_epochs_and_loss() -> None:
    config = TrainConfig()
    assert (config.batch_size, config.epochs, dict(config.loss)) == (20, 74, {"mse": 1.0})


def test_a_configuration_survives_the_way_to_json_and_back() -> None:
    config = TrainConfig(network_settings={"blocks": 2}, loss={"mse": 1, "ssim": 0.1}, patience=3, flips=True)
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().batch_size = 3  # type: ignore[misc]


def test_a_loss_by_name_has_weight_one() -> None:
    assert TrainConfig.from_dict({"loss": "mae"}) == TrainConfig(loss={"mae": 1.0})


def test_a_loss_of_weight_zero_is_left_out() -> None:
    assert TrainConfig(loss={"mse": 0.0, "mae": 2}).loss == {"mae": 2.0}


def test_numbers_of_numpy_are_plain_ones() -> None:
    config = TrainConfig(
        batch_size=np.int64(4),
        learning_rate=np.float32(0.5),
        flips=np.bool_(True),
        loss={"mse": np.float32(1.0)},
        network_settings={"filters": [np.int64(4), 8]},
    )
    assert config == TrainConfig(
        batch_size=4, learning_rate=0.5, flips=True, loss={"mse": 1.0}, network_settings={"filters": [4, 8]}
    )
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_largest_whole_number_is_said() -> None:
    assert TrainConfig(seed=2**31 - 1).seed == 2147483647
    with pytest.raises(ConfigError, match=r"seed in \[0, 2147483647\]\. Received: 2147483648"):
        TrainConfig(seed=2**31)


def test_an_unknown_setting_is_named_and_the_known_ones_listed() -> None:
    with pytest.raises(ConfigError, match=r"learning_rate.*Received: lerning_rate"):
        TrainConfig.from_dict({"lerning_rate": 1e-3})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("batch_size", True),
        ("epochs", -1),
        ("steps_per_epoch", 0),
        ("validation_steps", "many"),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", "fast"),
        ("learning_rate", 10**400),  # a whole number, which no float can hold
        ("clip_norm", -1.0),
        ("warmup_steps", -1),
        ("patience", 0),
        ("seed", 2**31),
        ("flips", "yes"),
        ("schedule", "linear"),
        ("optimizer", "sgd"),
        ("dtype_policy", "float64"),
        ("steps_per_execution", 0),
        ("network", ""),
        ("network_settings", 3),
        ("pipeline", "fast"),
        ("loss", {}),
        ("loss", {"mse": -1.0}),
        ("loss", {"mse": 0.0}),
        ("loss", {"mse": float("inf")}),
        ("loss", {"mse": 10**400}),
        ("loss", 1.0),
    ],
)
def test_a_value_out_of_range_is_refused_in_one_line_that_names_it(name: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainConfig.from_dict({name: value})
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
