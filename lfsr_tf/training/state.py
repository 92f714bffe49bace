"""How far a run has come: a value that one rename puts on the disk, best loss and history included.

Keras keeps `ModelCheckpoint.best`, `EarlyStopping.best` and `EarlyStopping.wait` in memory only: a resumed
run forgets them (keras issue 17012) and overwrites the best model with a worse one.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lfsr_tf.errors import ModelError
from lfsr_tf.settings import check_range, check_types, is_number, refusal
from lfsr_tf.storage import atomic_path, exists, read_json, write_json

MONITOR = "val_loss"

Row = dict[str, float | None]


@dataclass(frozen=True)
class RunState:
    """The state of a run after a whole number of epochs.

    Attributes:
        history: One row an epoch, in order; each has "epoch" (from 1) and the epoch's metrics.
        best_epoch: Number of the epoch with the lowest validation loss (the first of equals); 0 before any.
        best_value: That loss; infinite before any.
        waited: Epochs since then.
        finished: Why the run ended: "all epochs done" or "early stopping"; empty while it may go on.
    """

    history: tuple[Row, ...] = ()
    best_epoch: int = 0
    best_value: float = math.inf
    waited: int = 0
    finished: str = ""

    @property
    def epochs_done(self) -> int:
        """Number of epochs in the history."""
        return len(self.history)

    @property
    def last_was_best(self) -> bool:
        """Whether the latest epoch has the lowest validation loss so far."""
        return self.best_epoch == self.epochs_done > 0

    def after_epoch(self, metrics: Mapping[str, float], *, epochs: int, patience: int | None) -> RunState:
        """The state one epoch later.

        Args:
            metrics: The epoch's metrics; `val_loss` among them.
            epochs: Epochs after which the run is finished.
            patience: Epochs without improvement after which it is finished as well; None: never.

        Returns:
            The new state.
        """
        epoch, value = self.epochs_done + 1, float(metrics[MONITOR])
        improved = value < self.best_value
        waited = 0 if improved else self.waited + 1
        finished = "early stopping" if patience is not None and waited >= patience else ""
        return RunState(
            history=(
                *self.history,
                {"epoch": epoch} | {name: _finite(number) for name, number in metrics.items()},
            ),
            best_epoch=epoch if improved else self.best_epoch,
            best_value=value if improved else self.best_value,
            waited=waited,
            finished="all epochs done" if epoch >= epochs else finished,
        )

    def write(self, path: Path) -> None:
        """Put the state on the disk in one step."""
        write_json(path, self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The state as plain values."""
        return dataclasses.asdict(self) | {"best_value": _finite(self.best_value)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RunState:
        """The state of the values that `to_json` gave.

        Raises:
            KeyError: A value is missing.
            TypeError: There are other values.
            ConfigError: A value is of another type or out of its range.
        """
        best, history = values["best_value"], values["history"]
        if not (best is None or is_number(best)):
            raise refusal("best_value", "a finite number or null", best)
        if not (isinstance(history, list | tuple) and all(map(_is_row, history))):
            raise refusal("history", "a list of tables of numbers", history)
        state = cls(**{**values, "best_value": 0.0 if best is None else best, "history": tuple(history)})
        check_types(state)
        check_range(state, "best_epoch", "waited", least=0)
        return dataclasses.replace(state, best_value=math.inf) if best is None else state

    @classmethod
    def read(cls, path: Path) -> RunState:
        """Read what `write` wrote; the initial state where there is no file.

        Raises:
            ModelError: The file is not the state of a run.
        """
        if not exists(path):
            return cls()
        try:
            return cls.from_json(read_json(path))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"Expected the state of a training run. Received: {path}. Train into a new folder."
            ) from error


def write_history(history: tuple[Row, ...], path: Path) -> None:
    """Write the rows as CSV in one step; a kill while appending could lose or double a row."""
    names = ["epoch", *sorted({name for row in history for name in row} - {"epoch"})]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    with atomic_path(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def _is_row(row: Any) -> bool:
    return isinstance(row, Mapping) and all(value is None or is_number(value) for value in row.values())


def _finite(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else number
