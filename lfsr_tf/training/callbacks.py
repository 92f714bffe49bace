"""Keras callbacks of a run.

One callback, `KeepRun`, does the work of ModelCheckpoint, EarlyStopping, BackupAndRestore and CSVLogger:
they write four files one after the other, and a kill in between leaves four different opinions of how far
the run has come.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from lfsr_tf.errors import ModelError
from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.progress import EpochReport, TrainProgress
from lfsr_tf.training.run_folder import RunFolder
from lfsr_tf.training.state import MONITOR, RunState

WriteFiles = Callable[[Path, RunState], None]


class StopOnNaN(keras.callbacks.Callback):
    """Ends the run with an error that names the step: Keras' own prints a line and reports success."""

    def __init__(self, config: TrainConfig, steps_per_epoch: int) -> None:
        """Keep what the message needs: the rate to lower and the steps before this epoch."""
        super().__init__()
        self._config = config
        self._steps_per_epoch = steps_per_epoch
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch, from 0."""
        self._epoch = epoch

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Raise ModelError where the training loss is NaN or infinite."""
        self._check(
            "loss", float((logs or {}).get("loss", 0.0)), self._epoch * self._steps_per_epoch + batch + 1
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Raise ModelError where the validation loss is NaN or infinite."""
        self._check(MONITOR, float((logs or {}).get(MONITOR, 0.0)), (epoch + 1) * self._steps_per_epoch)

    def _check(self, name: str, value: float, step: int) -> None:
        if not math.isfinite(value):
            clip = ", or with clip_norm=1" if self._config.clip_norm is None else ""
            raise ModelError(
                f"Expected a finite {name}. Received: {value} at step {step} (epoch {self._epoch + 1}). "
                f"Train into a new folder with a learning_rate below {self._config.learning_rate:g}{clip}."
            )


class KeepRun(keras.callbacks.Callback):
    """Commits every epoch to the run folder, keeps the best model, and ends the run when it is finished."""

    def __init__(
        self, folder: RunFolder, state: RunState, config: TrainConfig, write_files: WriteFiles
    ) -> None:
        """Go on from `state`; `write_files` writes the weights and models of an epoch into a folder."""
        super().__init__()
        self.state = state
        self._folder = folder
        self._config = config
        self._write_files = write_files
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the epoch's clock."""
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Commit the epoch."""
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        metrics["learning_rate"] = float(tf.convert_to_tensor(self.model.optimizer.learning_rate))
        metrics["seconds"] = round(time.perf_counter() - self._began, 3)
        state = self.state.after_epoch(metrics, epochs=self._config.epochs, patience=self._config.patience)
        self._folder.commit(state, lambda folder: self._write_files(folder, state))
        self.state = state
        if state.finished:
            self.model.stop_training = True


class ReportProgress(keras.callbacks.Callback):
    """Passes steps and epochs on to a `TrainProgress`. Stands after `KeepRun`, whose state it reports."""

    def __init__(self, progress: TrainProgress, keeper: KeepRun, epochs: int) -> None:
        """Report to `progress` what `keeper` has committed."""
        super().__init__()
        self._progress = progress
        self._keeper = keeper
        self._epochs = epochs
        self._steps = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the epoch's steps from 0."""
        self._steps = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the steps since the last call: with steps_per_execution above 1 there are several."""
        self._progress.advance(batch + 1 - self._steps)
        self._steps = batch + 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the committed epoch."""
        state = self._keeper.state
        metrics = {name: value for name, value in state.history[-1].items() if name != "epoch"}
        self._progress.epoch(EpochReport(state.epochs_done, self._epochs, metrics, state.last_was_best))


class ShowImages(keras.callbacks.Callback):
    """Writes LR, SR and HR of the same validation pairs, side by side, to TensorBoard after every epoch."""

    def __init__(self, folder: Path, lr: tf.Tensor, hr: tf.Tensor) -> None:
        """Show the first channel of `lr` [N, h, w, C] and `hr` [N, H, W, 1], float32.

        1 is the reference intensity.
        """
        super().__init__()
        self._folder = folder
        self._lr = lr
        self._hr = hr
        self._writer: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Open the log."""
        self._writer = tf.summary.create_file_writer(str(self._folder))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write one picture per pair."""
        sr = tf.cast(self.model(self._lr, training=False), tf.float32)
        with self._writer.as_default():
            pictures = side_by_side(self._lr[..., :1], sr, self._hr)
            tf.summary.image("LR | SR | HR", pictures, step=epoch, max_outputs=len(self._hr))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the log."""
        self._writer.close()


def side_by_side(lr: tf.Tensor, sr: tf.Tensor, hr: tf.Tensor) -> tf.Tensor:
    """LR (its pixels enlarged), SR and HR in a row, cut to [0, 1].

    Args:
        lr: [N, h, w, 1] float32.
        sr: [N, H, W, 1] float32.
        hr: [N, H, W, 1] float32.

    Returns:
        [N, H, 3 W, 1] float32.
    """
    enlarged = tf.image.resize(lr, tf.shape(hr)[1:3], method="nearest")
    return tf.clip_by_value(tf.concat([enlarged, sr, hr], axis=2), 0.0, 1.0)
