"""The folder of a run, written so that kill -9 at any moment leaves it whole.

    run/config.json versions.json data.json    what the run was started with
    run/state.json                             epochs done, best value, history: replacing it COMMITS an epoch
    run/history.csv                            published from the committed epoch, as are
    run/best.keras model.json                  the best model and what it is
    run/last.keras last.json                   the last one
    run/backup/epoch-00012/                    weights with optimiser, and files not yet published
    run/tensorboard/                           curves and pictures

Keras' BackupAndRestore writes the weights over the old ones and the epoch number afterwards, to another
file: a kill in between leaves half a weights file, or new weights with an old number. Here an epoch first
goes to a folder of its own; then one rename of state.json makes it the run's state; then its files are
moved to where the user looks for them. A kill before the commit leaves the epoch before; a kill after it is
repaired by `settle` at the next start.

Users put reports and exports beside these files, and may name a folder of their own by mistake: nothing is
written over or removed but what a run has written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lfsr_tf.errors import ConfigError, LfsrError, OutputError
from lfsr_tf.locking import LOCK, exclusive
from lfsr_tf.networks.checkpoint import INFO_FILE, LAST_FILE, LAST_INFO_FILE, MODEL_FILE
from lfsr_tf.placing import TEMPORARY_PREFIX, remove
from lfsr_tf.settings import is_count
from lfsr_tf.storage import atomic_folder, is_litter, read_json, write_json
from lfsr_tf.training.state import RunState, write_history

WEIGHTS = "training.safetensors"
# Where a run computes is no part of what it is: it may go on with other devices. Of the model that it started
# from the weights say enough.
_FREE = {"distribute", "start_steps"}
# Of the pipeline's settings, those that change nothing but the speed.
_FREE_OF_PIPELINE = {"cache", "service", "verify"}
# Compared where it is given: a run that has begun goes on without the model that it started from.
_ONCE = {"start"}
# Tells the configuration of a run from the config.json of another program.
_SETTINGS = {"network", "network_settings", "batch_size", "epochs"}
# What is written here under a temporary name first; a run that is killed at its start leaves one of them.
_WRITTEN = {"config.json", "data.json", "versions.json", "state.json", "history.csv"}
PUBLISHED = {"best": (MODEL_FILE, INFO_FILE), "last": (LAST_FILE, LAST_INFO_FILE)}


@dataclass(frozen=True)
class TrainedRun:
    """A run that has ended.

    Attributes:
        folder: The run folder; `lfsr_tf.load_model(folder)` loads its best model.
        epochs: Epochs done.
        best_epoch: The epoch of best.keras, from 1.
        best_value: Its validation loss.
        reason: "all epochs done" or "early stopping".
    """

    folder: Path
    epochs: int
    best_epoch: int
    best_value: float
    reason: str


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run folder, and the writes that keep it whole."""

    path: Path

    @property
    def state_path(self) -> Path:
        """The file whose replacement commits an epoch."""
        return self.path / "state.json"

    @property
    def tensorboard(self) -> Path:
        """Folder of the TensorBoard logs."""
        return self.path / "tensorboard"

    def backup(self, epoch: int) -> Path:
        """Folder of what epoch `epoch` (from 1) left."""
        return self.path / "backup" / f"epoch-{epoch:05d}"

    @property
    def data(self) -> dict[str, Any]:
        """What the run was started on: its records, and the model that it started from.

        Raises:
            ConfigError: data.json is damaged.
        """
        return _read_table(self.path / "data.json")

    @property
    def start_steps(self) -> int:
        """Optimiser steps of the model that the run started from; 0 where it had none.

        Raises:
            ConfigError: data.json is damaged.
        """
        steps = self.data.get("start_steps", 0)
        if not is_count(steps, 0):
            raise _damaged(self.path / "data.json", f"start_steps={steps!r}")
        return int(steps)

    def begin(self, identity: Mapping[str, Any], versions: Mapping[str, Any]) -> RunState:
        """Start a run, or take up the one that is here.

        Args:
            identity: Files, by name without ".json", that make two runs the same; compared when there is a
                state, what the run started from only where it is given.
            versions: Versions of everything that computes here, written anew while the run goes on.

        Returns:
            The state to go on from.

        Raises:
            ConfigError: The run that is here was started with another configuration or other records.
        """
        state = RunState.read(self.state_path)
        for name, value in identity.items():
            if state.epochs_done:
                _check_same(self.path, name, value)
            else:
                write_json(self.path / f"{name}.json", value)
        if not state.finished:
            write_json(self.path / "versions.json", versions)
        self.settle(state)
        return state

    def commit(self, state: RunState, write_files: Callable[[Path], None]) -> None:
        """Make `state` the state of the run, with the files that `write_files` puts into its folder.

        Args:
            state: The state after an epoch.
            write_files: Writes `training.safetensors`, `last/` and, for a new best, `best/`.

        Raises:
            OutputError: Something cannot be written; the state before stands.
        """
        with atomic_folder(self.backup(state.epochs_done), replaces=lambda entry: True) as folder:
            write_files(folder)
        state.write(self.state_path)
        self.settle(state)

    def settle(self, state: RunState) -> None:
        """Publish the committed epoch's files and clear away what belongs to no state. May be repeated."""
        newest = self.backup(state.epochs_done)
        for kind, names in PUBLISHED.items():
            for name in names:
                if (newest / kind / name).exists():
                    (newest / kind / name).replace(self.path / name)
        if newest.exists():
            write_history(state.history, self.path / "history.csv")
        for pattern in ("epoch-*", f"{TEMPORARY_PREFIX}*-epoch-*"):
            for folder in newest.parent.glob(pattern):
                if folder != newest or state.finished:
                    remove(folder)
        for leftover in filter(_is_leftover, self.path.glob(f"{TEMPORARY_PREFIX}*")):
            remove(leftover)


@dataclass(frozen=True)
class FollowedRun(RunFolder):
    """The run folder for the hosts that leave it to the first one: nothing is read and nothing written."""

    @property
    def start_steps(self) -> int:
        """None: the first host describes the models."""
        return 0

    def begin(self, identity: Mapping[str, Any], versions: Mapping[str, Any]) -> RunState:
        """The initial state; the first host says the true one."""
        return RunState()

    def commit(self, state: RunState, write_files: Callable[[Path], None]) -> None:
        """Nothing: the first host does it."""


@contextmanager
def open_run(path: Path) -> Iterator[RunFolder]:
    """Hold a run folder for one process, making it if it is not there.

    Raises:
        OutputError: The folder cannot be written, holds something else, or another process trains into it.
    """
    _check_is_run(path)
    with exclusive(path):
        yield RunFolder(path)


def check_run(path: Path, identity: Mapping[str, Any]) -> None:
    """Refuse at once what `open_run` and `RunFolder.begin` would: before records are read for minutes.

    Args:
        path: Of the run folder, there or not. Nothing is written.
        identity: As for `begin`, or a part of it.

    Raises:
        ConfigError: The run that is here was started with another configuration or other records.
        OutputError: The folder holds something else.
    """
    _check_is_run(path)
    if RunState.read(RunFolder(path).state_path).epochs_done:
        for name, value in identity.items():
            _check_same(path, name, value)


def _check_is_run(path: Path) -> None:
    try:
        foreign = path.is_dir() and not _is_run(path) and not _holds_nothing(path)
    except OSError as error:
        raise OutputError(
            f"Cannot read the run folder {path}: {error.strerror}. Choose another folder."
        ) from error
    if foreign:
        raise OutputError(
            f"Expected a new folder or a training run. Received: {path}. Choose another folder."
        )


def _is_run(path: Path) -> bool:
    """Whether a configuration stands there: it is the first thing that a run writes."""
    try:
        config = read_json(path / "config.json")
    except LfsrError:
        return False
    return isinstance(config, dict) and config.keys() >= _SETTINGS


def _holds_nothing(path: Path) -> bool:
    """Whether there is nothing but what a run leaves that is killed before it has written anything."""
    return all(
        is_litter(entry) or _is_leftover(entry) or (entry.name == LOCK and entry.stat().st_size == 0)
        for entry in path.iterdir()
    )


def _is_leftover(entry: Path) -> bool:
    """Whether it is one of a run's own files under the temporary name of `lfsr_tf.storage`."""
    _, _, name = entry.name.removeprefix(TEMPORARY_PREFIX).partition("-")
    return entry.name.startswith(TEMPORARY_PREFIX) and name in _WRITTEN


def _check_same(folder: Path, name: str, value: Any) -> None:
    # As JSON has it: a tuple is a list there.
    before, value = (
        _fixed(values) for values in (_read_table(folder / f"{name}.json"), json.loads(json.dumps(value)))
    )
    for key in sorted((before.keys() | value.keys()) - _FREE - (_ONCE - value.keys())):
        if before.get(key) != value.get(key):
            raise ConfigError(
                f"Expected the {name} that the run in {folder} was started with: {key}={before.get(key)!r}. "
                f"Received: {key}={value.get(key)!r}. Train into another folder, or as the run was started."
            )


def _read_table(path: Path) -> dict[str, Any]:
    values = read_json(path)
    if not isinstance(values, dict):
        raise _damaged(path, "no table of values")
    return values


def _damaged(path: Path, received: str) -> ConfigError:
    return ConfigError(
        f"Expected {path} as the run was started with it. Received: {received}. Train into a new folder."
    )


def _fixed(values: dict[str, Any]) -> dict[str, Any]:
    """Without the settings of the pipeline that may change."""
    fed = values.get("pipeline")
    if not isinstance(fed, dict):
        return values
    return {**values, "pipeline": {key: fed[key] for key in fed.keys() - _FREE_OF_PIPELINE}}
