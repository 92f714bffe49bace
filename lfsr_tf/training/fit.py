"""Training: Keras `fit` on a folder of records, into a run folder that a killed run continues from."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import keras

from lfsr_tf.errors import ConfigError, exhaustion_in_one_line
from lfsr_tf.networks import TrainedModel, build_loss
from lfsr_tf.pairs import open_dataset
from lfsr_tf.precision import dtype_policy, resolve_policy
from lfsr_tf.training.callbacks import KeepRun, ReportProgress, ShowImages, StopOnNaN
from lfsr_tf.training.checkpoints import restore, write_checkpoints
from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.devices import Devices, local_devices
from lfsr_tf.training.hosts import Hosts
from lfsr_tf.training.model import build_compiled_model
from lfsr_tf.training.progress import SilentProgress, TrainProgress
from lfsr_tf.training.run_folder import FollowedRun, RunFolder, TrainedRun, check_run, open_run
from lfsr_tf.training.several_hosts import join_hosts, lost_hosts_in_one_line
from lfsr_tf.training.snapshot import trained_variables
from lfsr_tf.training.sources import PairSource, damage_named, read_source
from lfsr_tf.training.start import read_start, start_identity, take_weights
from lfsr_tf.training.state import RunState
from lfsr_tf.training.versions import training_versions

SHOWN_PAIRS = 4

_MEMORY = (
    "to train with batch_size={}. Train into a new folder with a smaller batch_size, or with smaller patches."
)


def train(
    records: Path | str,
    output: Path | str,
    config: TrainConfig,
    progress: TrainProgress | None = None,
    *,
    start: TrainedModel | Callable[[], TrainedModel] | None = None,
    hosts: Hosts | None = None,
) -> TrainedRun:
    """Train a network, or go on with a run that was interrupted.

    Args:
        records: Folder that `prepare_dataset` wrote, of either mode.
        output: The run folder. A finished run is left as it is.
        config: Settings; see `load_preset`.
        progress: Is told of steps and epochs; None: nobody.
        start: A model of the same network whose weights are the first ones, or a function that loads it;
            None: random ones. A run that goes on needs none; the function may then find none any more. With
            `hosts` a function, since the hosts must be connected before TensorFlow is used.
        hosts: The hosts that train together, each of which calls this with the same arguments; the first one
            writes the run folder. None: this process alone.

    Returns:
        What the run came to; `lfsr_tf.load_model(run.folder)` loads its best model.

    Raises:
        ConfigError: There is no such loss, the network does not fit the records, or the folder holds a run
            with another configuration, of other records or from another start.
        ModelError: The loss became NaN or infinite, or `start` or the folder holds weights of another
            architecture.
        OutOfMemoryError: The device has not enough memory for a batch.
        OutputError: The folder cannot be written, or another process trains into it.
        RecordsError: The records are corrupt.
        ServiceError: The tf.data service that makes the pairs does not answer, or has lost some of them.
        HostsError: Another host does not come, has ended, or has met an error.
    """
    progress = progress or SilentProgress()
    # For its errors, before records are read and hosts wait for each other.
    build_loss(config.loss)
    with lost_hosts_in_one_line(hosts):
        devices = local_devices(config) if hosts is None else join_hosts(hosts, config)
        progress = progress if devices.first else SilentProgress()
        devices.together(lambda: _check_begun(Path(records), Path(output), config, devices))
        first = read_start(start, Path(output), devices)
        source = devices.together(lambda: read_source(Path(records), config))
        return train_on(source, Path(output), config, progress, first, devices)


def train_on(
    source: PairSource,
    output: Path,
    config: TrainConfig,
    progress: TrainProgress,
    start: TrainedModel | None = None,
    devices: Devices | None = None,
) -> TrainedRun:
    """As `train`, on pairs from anywhere, and on devices that are there already."""
    _check_execution(source, config)
    devices = devices or local_devices(config)
    policy = resolve_policy(config.dtype_policy)
    identity = {"config": config.to_dict(), "data": {**source.identity, **start_identity(start)}}
    devices.check_same({**identity, "dtype policy": policy})
    versions = training_versions(policy) | {"replicas": str(devices.replicas)}
    with ExitStack() as stack:

        def begin() -> tuple[RunFolder, RunState]:
            folder = stack.enter_context(open_run(output)) if devices.first else FollowedRun(output)
            return folder, folder.begin(identity, versions)

        folder, state = devices.together(begin)
        state = RunState.from_json(devices.told(state.to_json()))
        if state.finished:
            progress.note(f"The run in {output} is finished ({state.finished}). Nothing to do.")
            return _summary(folder, state)
        with dtype_policy(policy):
            return _summary(folder, _fit(source, folder, state, config, progress, start, devices))


def _check_begun(records: Path, output: Path, config: TrainConfig, devices: Devices) -> None:
    """Find out before the records are read through and a network is made, which takes from seconds up."""
    if devices.first:
        check_run(output, {"config": config.to_dict(), "data": open_dataset(records).identity})


def _check_execution(source: PairSource, config: TrainConfig) -> None:
    """Keras takes whole executions alone, so that an epoch would have more steps than it is said to."""
    if source.steps_per_epoch % config.steps_per_execution:
        raise ConfigError(
            f"Expected steps_per_execution to divide the {source.steps_per_epoch} steps of an epoch. "
            f"Received: {config.steps_per_execution}. Choose a divisor, or another steps_per_epoch."
        )


def _fit(
    source: PairSource,
    folder: RunFolder,
    state: RunState,
    config: TrainConfig,
    progress: TrainProgress,
    start: TrainedModel | None,
    devices: Devices,
) -> RunState:
    model, network = _begun_model(source, folder, state, config, start, devices)
    if state.epochs_done:
        progress.note(f"Going on after epoch {state.epochs_done} of {config.epochs}.")
    earlier_steps = folder.start_steps
    keeper = KeepRun(
        folder,
        state,
        config,
        lambda path, new: write_checkpoints(model, network, path, new, source, config, earlier_steps),
    )
    progress.begin(config.epochs * source.steps_per_epoch, state.epochs_done * source.steps_per_epoch)
    with damage_named(source.check), exhaustion_in_one_line(_MEMORY.format(config.batch_size)):
        model.fit(
            **devices.fit_arguments(source.training(state.epochs_done), source.validation),
            initial_epoch=state.epochs_done,
            epochs=config.epochs,
            steps_per_epoch=source.steps_per_epoch,
            callbacks=_callbacks(source, folder, keeper, config, progress, devices.first),
            shuffle=False,
            verbose=0,
        )
    # No host ends before the first one has committed the last epoch.
    devices.together(lambda: None)
    return keeper.state


def _begun_model(
    source: PairSource,
    folder: RunFolder,
    state: RunState,
    config: TrainConfig,
    start: TrainedModel | None,
    devices: Devices,
) -> tuple[keras.Model, keras.Model]:
    """The model with the weights to begin or to go on with, the same on every device, and its network."""
    keras.utils.set_random_seed(config.seed)
    model, network = build_compiled_model(config, source, devices)
    # Outside of the scope, where a model that is loaded for a look would have copies on every host.
    if start is not None:
        # The network itself, since the model that shares it between devices has no configuration.
        take_weights(network, start)
    if state.epochs_done:
        devices.together(lambda: restore(model, folder, state) if devices.first else None)
        devices.give_weights(list(trained_variables(model).values()))
    return model, network


def _callbacks(
    source: PairSource,
    folder: RunFolder,
    keeper: KeepRun,
    config: TrainConfig,
    progress: TrainProgress,
    first: bool,
) -> list[keras.callbacks.Callback]:
    # First, so that an epoch that ends in NaN is not committed.
    needed = [StopOnNaN(config, source.steps_per_epoch), keeper]
    if not first:
        return needed
    lr, hr = next(iter(source.validation.unbatch().batch(SHOWN_PAIRS).take(1)))
    return [
        *needed,
        ReportProgress(progress, keeper, config.epochs),
        keras.callbacks.TensorBoard(folder.tensorboard, write_graph=False),
        ShowImages(folder.tensorboard / "images", lr, hr),
    ]


def _summary(folder: RunFolder, state: RunState) -> TrainedRun:
    return TrainedRun(folder.path, state.epochs_done, state.best_epoch, state.best_value, state.finished)
