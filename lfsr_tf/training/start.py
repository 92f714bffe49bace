"""A training that begins with the weights of another model: to go on with it, or to suit it to own scans."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lfsr_tf.errors import ConfigError, LfsrError, ModelError
from lfsr_tf.networks import TrainedModel
from lfsr_tf.networks.self_ensemble import network_inside
from lfsr_tf.training.devices import Devices
from lfsr_tf.training.run_folder import RunFolder
from lfsr_tf.training.state import RunState

# What of a layer's configuration is no part of what it computes with its weights, but for the precision.
_FREE = {"dtype", "trainable", "kernel_initializer", "bias_initializer"}
# Where Keras writes names of layers, which it may have counted itself.
_NAMES = {"name", "keras_history", "input_layers", "output_layers"}


def read_start(
    start: TrainedModel | Callable[[], TrainedModel] | None, run: Path, devices: Devices
) -> TrainedModel | None:
    """Load the model that a run starts from; one that has begun needs none, and its start may be gone by now.

    Args:
        start: The model, or what loads it.
        run: The run folder, there or not.
        devices: Those of all hosts; every host calls this.

    Raises:
        ConfigError: The run has begun, with random weights or those of another model.
        ModelError: The model cannot be loaded.
    """

    def begun() -> bool:
        return callable(start) and devices.first and _goes_on(RunFolder(run), start)

    if devices.told(devices.together(begun)):
        return None
    if callable(start):
        return devices.together(start)
    # Hosts say equally much, so that one without a start is found out where settings are compared.
    devices.together(lambda: None)
    return start


def _goes_on(run: RunFolder, start: Callable[[], TrainedModel]) -> bool:
    """Whether a run has begun, from this start as far as it is still there."""
    state = RunState.read(run.state_path)
    if not state.epochs_done:
        return False
    began = run.data
    if "start" not in began:
        raise ConfigError(
            f"Expected no model to start from, since the run in {run.path} began with random weights. "
            "Received: one. Train into another folder."
        )
    given = None if state.finished else _weights_of(start)
    if given not in (None, began["start"]):
        raise ConfigError(
            f"Expected the model that the run in {run.path} started from, or none. Received: one with "
            "other weights. Leave it out to go on, or train into another folder."
        )
    return True


def _weights_of(start: Callable[[], TrainedModel]) -> str | None:
    """The hash of a start's weights; None where it is gone, as its loader says in its own way."""
    try:
        return str(start_identity(start())["start"])
    except (LfsrError, OSError, ValueError):
        return None


def start_identity(start: TrainedModel | None) -> dict[str, Any]:
    """What a run folder keeps of the model that it started from: the SHA-256 of its weights, its steps."""
    if start is None:
        return {}
    digest = hashlib.sha256()
    for weight in start.model.weights:
        digest.update(np.ascontiguousarray(weight, dtype=np.float32).tobytes())
    return {"start": digest.hexdigest(), "start_steps": start.info.trained_steps}


def take_weights(model: keras.Model, start: TrainedModel) -> None:
    """Give a network the weights of a trained one; a network and its self-ensemble have the same.

    Args:
        model: The network of the run.
        start: A trained model of the same network and settings.

    Raises:
        ModelError: It is of another architecture, or computes something else with weights of the same sizes.
    """
    expected, received = ([tuple(w.shape) for w in each.weights] for each in (model, start.model))
    if expected != received:
        raise ModelError(
            f"Expected a model of the run's own network to start from, {model.name} with {len(expected)} "
            f"arrays of weights. Received: {start.info.name}, {start.model.name} with {len(received)}, or of "
            "other sizes. Set network and network_settings to those of that model."
        )
    if _computation(network_inside(model)) != _computation(network_inside(start.model)):
        raise ModelError(
            f"Expected a model with the run's own network_settings to start from, {model.name}. Received: "
            f"{start.info.name}, {start.info.network} with {dict(start.info.settings)}, which computes "
            "something else with weights of the same sizes. Set network_settings to those of that model."
        )
    model.set_weights(start.model.get_weights())


def _computation(model: keras.Model) -> Any:
    """What a network does with its weights: its layers as Keras writes them down, and how they are joined."""
    config = {key: value for key, value in model.get_config().items() if key != "name"}
    places = {layer["name"]: number for number, layer in enumerate(config["layers"])}
    return _without_free(config, places)


def _without_free(config: Any, places: Mapping[str, int], key: str = "") -> Any:
    """A configuration without what is free, with the layers' places for their names."""
    if isinstance(config, Mapping):
        return {name: _without_free(each, places, name) for name, each in config.items() if name not in _FREE}
    if isinstance(config, list | tuple):
        return [_without_free(each, places, key) for each in config]
    return places.get(config, config) if key in _NAMES and isinstance(config, str) else config
