"""Training: Keras `fit` on a folder of records, into a run folder that a killed run continues from."""

from __future__ import annotations

from pathlib import Path

import keras

from lfsr_tf.networks import TrainedModel
from lfsr_tf.precision import dtype_policy, resolve_policy
from lfsr_tf.training.callbacks import KeepRun, ReportProgress, ShowImages, StopOnNaN
from lfsr_tf.training.checkpoints import restore, write_checkpoints
from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.devices import training_scope
from lfsr_tf.training.model import build_compiled_model
from lfsr_tf.training.progress import SilentProgress, TrainProgress
from lfsr_tf.training.run_folder import RunFolder, TrainedRun, open_run
from lfsr_tf.training.sources import PairSource, read_source
from lfsr_tf.training.start import start_identity, take_weights
from lfsr_tf.training.state import RunState
from lfsr_tf.training.versions import training_versions

SHOWN_PAIRS = 4


def train(
    records: Path | str,
    output: Path | str,
    config: TrainConfig,
    progress: TrainProgress | None = None,
    *,
    start: TrainedModel | None = None,
) -> TrainedRun:
    """Train a network, or go on with a run that was interrupted.

    Args:
        records: Folder that `prepare_dataset` wrote, of either mode.
        output: The run folder. A finished run is left as it is.
        config: Settings; see `load_preset`.
        progress: Is told of steps and epochs; None: nobody.
        start: A model of the same network whose weights are the first ones; None: random ones.

    Returns:
        What the run came to; `lfsr_tf.load_model(run.folder)` loads its best model.

    Raises:
        ConfigError: The network does not fit the records, or the folder holds a run with another
            configuration, of other records or from another start.
        ModelError: The loss became NaN or infinite, or `start` or the folder holds weights of another
            architecture.
        OutputError: The folder cannot be written, or another process trains into it.
        RecordsError: The records are corrupt.
    """
    source = read_source(Path(records), config)
    return train_on(source, Path(output), config, progress or SilentProgress(), start)


def train_on(
    source: PairSource,
    output: Path,
    config: TrainConfig,
    progress: TrainProgress,
    start: TrainedModel | None = None,
) -> TrainedRun:
    """As `train`, on pairs from anywhere."""
    policy = resolve_policy(config.dtype_policy)
    with open_run(output) as folder:
        data = {**source.identity, **start_identity(start)}
        identity = {"config": config.to_dict(), "data": data}
        state = folder.begin(identity, training_versions(policy))
        if state.finished:
            progress.note(f"The run in {output} is finished ({state.finished}). Nothing to do.")
            return _summary(folder, state)
        with dtype_policy(policy):
            return _summary(folder, _fit(source, folder, state, config, progress, start))


def _fit(
    source: PairSource,
    folder: RunFolder,
    state: RunState,
    config: TrainConfig,
    progress: TrainProgress,
    start: TrainedModel | None,
) -> RunState:
    keras.utils.set_random_seed(config.seed)
    with training_scope(config.distribute, config.batch_size):
        model = build_compiled_model(config, source)
        if start is not None:
            take_weights(model, start)
        if state.epochs_done:
            restore(model, folder, state)
            progress.note(f"Going on after epoch {state.epochs_done} of {config.epochs}.")
    earlier_steps = start.info.trained_steps if start else 0
    keeper = KeepRun(
        folder,
        state,
        config,
        lambda path, new: write_checkpoints(model, path, new, source, config, earlier_steps),
    )
    progress.begin(config.epochs * source.steps_per_epoch, state.epochs_done * source.steps_per_epoch)
    model.fit(
        source.training(state.epochs_done),
        validation_data=source.validation,
        initial_epoch=state.epochs_done,
        epochs=config.epochs,
        steps_per_epoch=source.steps_per_epoch,
        callbacks=_callbacks(source, folder, keeper, config, progress),
        shuffle=False,
        verbose=0,
    )
    return keeper.state


def _callbacks(
    source: PairSource, folder: RunFolder, keeper: KeepRun, config: TrainConfig, progress: TrainProgress
) -> list[keras.callbacks.Callback]:
    lr, hr = next(iter(source.validation.unbatch().batch(SHOWN_PAIRS).take(1)))
    return [
        # First, so that an epoch that ends in NaN is not committed.
        StopOnNaN(config, source.steps_per_epoch),
        keeper,
        ReportProgress(progress, keeper, config.epochs),
        keras.callbacks.TensorBoard(folder.tensorboard, write_graph=False),
        ShowImages(folder.tensorboard / "images", lr, hr),
    ]


def _summary(folder: RunFolder, state: RunState) -> TrainedRun:
    return TrainedRun(folder.path, state.epochs_done, state.best_epoch, state.best_value, state.finished)
