"""Settings out of range are refused with what was expected."""

import re

import keras
import pytest
from typer.main import get_command

from lfsr_tf.cli.app import app
from lfsr_tf.errors import ConfigError, ModelError
from lfsr_tf.evaluation import evaluate
from lfsr_tf.evaluation.baselines import BASELINES
from lfsr_tf.evaluation.config import BASELINE_NAMES, EvaluationConfig


@pytest.mark.parametrize(
    "wrong",
    [
        {"sigmas": ()},
        {"sigmas": 0.03},
        {"sigmas": ("low",)},
        {"sigmas": (0.1, 0.1)},
        {"sigmas": (-0.1,)},
        {"sigmas": (float("nan"),)},
        {"baselines": ()},
        {"baselines": ("bicubic",)},
        {"slices_per_volume": -1},
        {"batch_size": 0},
        {"batch_size": 2.5},
        {"confidence": "high"},
        {"data_range": "max"},
        {"sigma_source": "guessed"},
        {"confidence": 1.0},
        {"bootstrap_samples": 1},
        {"seed": -1},
        {"acquisition": {"t2_decay": 2.0}},
    ],
    ids=str,
)
def test_a_setting_out_of_range_is_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError, match=r"Expected .* Received"):
        EvaluationConfig(**wrong)


def test_a_network_of_another_scale_is_named() -> None:
    layers = [keras.Input((None, None, 1)), keras.layers.UpSampling2D(3)]
    with pytest.raises(ModelError, match=r"enlarges by 2 or 4\. Received: thrice, which enlarges by 3\."):
        evaluate(keras.Sequential(layers, name="thrice"), [])


def test_every_name_that_is_accepted_has_a_baseline() -> None:
    assert set(BASELINE_NAMES) == set(BASELINES)


def test_the_help_of_the_command_names_every_baseline() -> None:
    # It stands there in words: to import the names would import TensorFlow for every `lfsr --help`.
    (option,) = (each for each in get_command(app).commands["evaluate"].params if each.name == "baseline")
    words = re.split(r"[ ,;]+", option.help.partition(";")[0])
    assert set(words) == {*BASELINE_NAMES, "or"}
