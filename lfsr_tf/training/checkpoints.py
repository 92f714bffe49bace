"""The files of an epoch: models for anyone to load, weights with the optimiser's state to go on from."""

from __future__ import annotations

import shutil
from pathlib import Path

import keras

import lfsr_tf
from lfsr_tf.errors import ModelError
from lfsr_tf.networks import ModelInfo, load_model, save_model, scale_of
from lfsr_tf.networks.checkpoint import LAST_FILE, MODEL_FILE
from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.run_folder import PUBLISHED, WEIGHTS, RunFolder
from lfsr_tf.training.snapshot import load_snapshot, save_snapshot
from lfsr_tf.training.sources import PairSource
from lfsr_tf.training.state import RunState


def write_checkpoints(
    model: keras.Model,
    network: keras.Model,
    folder: Path,
    state: RunState,
    source: PairSource,
    config: TrainConfig,
    earlier_steps: int = 0,
) -> None:
    """Write the epoch's weights, its model and, for a new best, the model that becomes best.keras.

    Args:
        model: The compiled model after the epoch.
        network: The same or another model of the same variables: what goes to the .keras files.
        folder: An empty folder; gets training.safetensors, last/last.keras and perhaps best/best.keras.
        state: The state after the epoch.
        source: The pairs the model was trained on, for its description.
        config: Settings of the run, for its description.
        earlier_steps: Those of the model that the run started from.
    """
    save_snapshot(model, folder / WEIGHTS)
    info = describe(model, state, source, config, earlier_steps)
    (folder / "last").mkdir()
    save_model(network, info, folder / "last" / LAST_FILE)
    if state.last_was_best:
        (folder / "best").mkdir()
        for last, best in zip(PUBLISHED["last"], PUBLISHED["best"], strict=True):
            shutil.copyfile(folder / "last" / last, folder / "best" / best)


def describe(
    model: keras.Model, state: RunState, source: PairSource, config: TrainConfig, earlier_steps: int = 0
) -> ModelInfo:
    """The model's description: what it is, what it was trained on, how good it was on validation."""
    metrics = {name: value for name, value in state.history[-1].items() if value is not None}
    return ModelInfo(
        name=config.network,
        network=config.network,
        settings=dict(config.network_settings),
        scale=scale_of(model),
        trained_steps=earlier_steps + state.epochs_done * source.steps_per_epoch,
        package_version=lfsr_tf.__version__,
        metrics=metrics,
        **source.facts,
    )


def restore(model: keras.Model, folder: RunFolder, state: RunState) -> None:
    """Load the weights and the optimiser's state of the last committed epoch.

    Args:
        model: A compiled model whose optimiser is built.
        folder: The run.
        state: Its state, after at least one epoch.

    Raises:
        ModelError: The weights, or best.keras, belong to another architecture or cannot be read.
    """
    try:
        load_snapshot(model, folder.backup(state.epochs_done) / WEIGHTS)
    except ModelError as error:
        raise ModelError(f"{error} Train into a new folder.") from error
    _check_best(model, folder.path / MODEL_FILE)


def _check_best(model: keras.Model, path: Path) -> None:
    best = load_model(path).model
    if [tuple(weight.shape) for weight in best.weights] != [tuple(weight.shape) for weight in model.weights]:
        raise ModelError(
            f"Expected the best model of this run's network. Received: {path}, a model of another "
            "architecture. Train into a new folder."
        )
