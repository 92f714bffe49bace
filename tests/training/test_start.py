"""Trainings that begin with the weights of another model."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.errors import ConfigError, ModelError
from lfsr_tf.networks import ModelInfo, TrainedModel, build_network, load_model
from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.fit import train_on
from lfsr_tf.training.progress import SilentProgress
from lfsr_tf.training.sources import PairSource
from lfsr_tf.training.start import start_identity, take_weights

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def trained(network: str = "ResidualSR", **settings: object) -> TrainedModel:
    """A network of the tiny configuration, or another one, with random weights and 100 steps behind it."""
    settings = {"blocks": 1, "filters": 4, **settings}
    model = build_network(network, **settings)
    rng = np.random.default_rng(0)
    model.set_weights([0.1 * rng.standard_normal(w.shape).astype("float32") for w in model.get_weights()])
    return TrainedModel(model, ModelInfo("before", network, settings, 2, trained_steps=100))


def test_the_first_weights_are_those_of_the_model(
    tmp_path: Path, changed: Callable[..., TrainConfig], make_source: Callable[..., PairSource]
) -> None:
    start = trained()
    config = changed(learning_rate=1e-12, epochs=1)
    run = train_on(make_source(), tmp_path / "run", config, SilentProgress(), start)
    after = load_model(run.folder)
    for one, other in zip(start.model.get_weights(), after.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)
    assert after.info.trained_steps == 104


def test_a_run_goes_on_from_its_own_start_only(
    tmp_path: Path, config: TrainConfig, make_source: Callable[..., PairSource]
) -> None:
    train_on(make_source(), tmp_path / "run", config, SilentProgress(), trained())
    before = (tmp_path / "run" / "state.json").read_bytes()
    with pytest.raises(ConfigError, match="start="):
        train_on(make_source(), tmp_path / "run", config, SilentProgress())
    train_on(make_source(), tmp_path / "run", config, SilentProgress(), trained())
    assert (tmp_path / "run" / "state.json").read_bytes() == before
    data = json.loads((tmp_path / "run" / "data.json").read_text())
    assert data == {"fingerprint": "tiny", **start_identity(trained())}


def test_a_network_takes_the_weights_of_its_self_ensemble() -> None:
    start = trained("SelfEnsemble", of="ResidualSR")
    model = build_network("ResidualSR", blocks=1, filters=4)
    take_weights(model, start)
    for one, other in zip(start.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_of_another_architecture_is_refused(
    tmp_path: Path, config: TrainConfig, make_source: Callable[..., PairSource]
) -> None:
    with pytest.raises(ModelError, match="Received: before, residual_sr"):
        train_on(make_source(), tmp_path / "run", config, SilentProgress(), trained(filters=5))
