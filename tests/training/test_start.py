"""Trainings that begin with the weights of another model."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import keras
import numpy as np
import pytest

from lfsr_tf.errors import ConfigError, ModelError
from lfsr_tf.networks import NETWORKS, ModelInfo, TrainedModel, build_network, load_model, save_model
from lfsr_tf.precision import dtype_policy
from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.devices import Devices
from lfsr_tf.training.fit import train_on
from lfsr_tf.training.progress import EpochReport, SilentProgress
from lfsr_tf.training.sources import PairSource
from lfsr_tf.training.start import read_start, start_identity, take_weights

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


def network_of_ones_own(activation: str | None = None) -> keras.Model:
    """A network whose weights have names, and whose other parts have those that Keras counts."""
    lr = keras.Input((None, None, 1))
    maps = keras.layers.Conv2D(1, 3, padding="same", activation=activation, name="convolution")(lr)
    joined = keras.layers.Add()([lr, maps])
    return keras.Model(lr, keras.layers.Conv2DTranspose(1, 2, strides=2, padding="same", name="up")(joined))


def test_names_that_keras_has_counted_make_no_other_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "Own", network_of_ones_own)
    start = TrainedModel(build_network("Own"), ModelInfo("before", "Own", {}, 2))
    model = build_network("Own")
    assert model.name != start.model.name and model.layers[2].name != start.model.layers[2].name
    take_weights(model, start)
    for one, other in zip(start.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ModelError, match="computes something else"):
        take_weights(build_network("Own", activation="relu"), start)


class StoppedError(BaseException):
    """Stands for a kill between two epochs."""


class StopsAfterOne(SilentProgress):
    """Ends the run after its first epoch."""

    def epoch(self, report: EpochReport) -> None:
        raise StoppedError


def gone() -> TrainedModel:
    """Loads a start that is no longer there."""
    raise ModelError("Expected a trained model. Received: none.")


def gone_file() -> TrainedModel:
    """The same, as Python says it; Keras has a ValueError for it."""
    raise FileNotFoundError("start.keras")


def test_a_run_that_has_begun_goes_on_without_the_model_it_started_from(
    tmp_path: Path, config: TrainConfig, make_source: Callable[..., PairSource]
) -> None:
    run = tmp_path / "run"
    with suppress(StoppedError):
        train_on(make_source(), run, config, StopsAfterOne(), read_start(trained, run, Devices()))
    data = json.loads((run / "data.json").read_text())
    assert data == {"fingerprint": "tiny", **start_identity(trained())}
    assert read_start(gone_file, run, Devices()) is None
    for load in (gone, None):
        train_on(make_source(), run, config, SilentProgress(), read_start(load, run, Devices()))
    assert load_model(run / "last.keras").info.trained_steps == 100 + 3 * 4
    assert json.loads((run / "data.json").read_text()) == data


def test_a_run_that_began_with_random_weights_is_not_given_others(
    tmp_path: Path, config: TrainConfig, make_source: Callable[..., PairSource]
) -> None:
    run = tmp_path / "run"
    with suppress(StoppedError):
        train_on(make_source(), run, config, StopsAfterOne())
    with pytest.raises(ConfigError, match="began with random weights"):
        read_start(gone, run, Devices())
    with pytest.raises(ConfigError, match="start=None"):
        train_on(make_source(), run, config, SilentProgress(), read_start(trained(), run, Devices()))


def test_a_run_that_has_begun_is_given_no_other_start(
    tmp_path: Path, config: TrainConfig, make_source: Callable[..., PairSource]
) -> None:
    run = tmp_path / "run"
    with suppress(StoppedError):
        train_on(make_source(), run, config, StopsAfterOne(), trained())
    assert read_start(trained, run, Devices()) is None

    def another() -> TrainedModel:
        return trained(filters=5)

    with pytest.raises(ConfigError, match=r"Expected the model that .*run started .*other weights\. Leave"):
        read_start(another, run, Devices())
    train_on(make_source(), run, config, SilentProgress())
    assert read_start(another, run, Devices()) is None  # nothing goes on


def test_a_start_that_is_not_there_begins_no_run(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Received: none"):
        read_start(gone, tmp_path / "run", Devices())
    assert not (tmp_path / "run").exists()


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


@pytest.mark.parametrize(
    ("network", "settings"),
    [
        ("ResidualSR", {"residual_scaling": 0.1}),
        ("SelfEnsemble", {"residual_scaling": 0.1}),
        ("ResidualSR", {"residual_grid": "lr", "scale": 4}),
    ],
)
def test_a_model_that_computes_something_else_with_such_weights_is_refused(
    network: str, settings: dict[str, object]
) -> None:
    start = trained(network, **settings)
    grid = settings.get("residual_grid", "hr")
    model = build_network("ResidualSR", blocks=1, filters=4, residual_grid=grid)
    with pytest.raises(ModelError, match=r"Received: before, .*weights of the same sizes") as caught:
        take_weights(model, start)
    assert "\n" not in str(caught.value)


def test_a_model_of_the_same_settings_may_differ_in_precision_and_spelling(tmp_path: Path) -> None:
    settings = {"filters": [4, 4], "blocks": [1, 1]}
    with dtype_policy("mixed_bfloat16"):
        saved = build_network("UNetSR", **settings, residual_scaling=1.0)
    save_model(saved, ModelInfo("before", "UNetSR", settings, 2), tmp_path / "best.keras")
    model = build_network("UNetSR", filters=(4, 4), blocks=(1, 1))
    take_weights(model, load_model(tmp_path))
    for one, other in zip(saved.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_setting_that_changes_nothing_is_no_other_network() -> None:
    # With one layer in a block, the first one is every layer.
    settings = {"blocks": 1, "layers_per_block": 1, "growth": 4, "stem_filters": 4, "bottleneck": 4}
    start = build_network("SRDenseNet", **settings, block_input="first_layer")
    model = build_network("SRDenseNet_All", **settings)
    take_weights(model, TrainedModel(start, ModelInfo("before", "SRDenseNet", settings, 2)))
    assert np.array_equal(start.get_weights()[0], model.get_weights()[0])


def test_a_start_on_several_devices_is_compared_too(
    tmp_path: Path, changed: Callable[..., TrainConfig], make_source: Callable[..., PairSource]
) -> None:
    config = changed(distribute=True, epochs=1)
    with pytest.raises(ModelError, match="weights of the same sizes"):
        train_on(make_source(), tmp_path / "bad", config, SilentProgress(), trained(residual_scaling=0.1))
    run = train_on(make_source(), tmp_path / "run", config, SilentProgress(), trained())
    assert load_model(run.folder).info.trained_steps == 104
