"""What a training run tells while it runs; the command line draws it, a script may log it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class EpochReport:
    """One finished epoch.

    Attributes:
        epoch: Its number, from 1.
        epochs: The configured number of epochs.
        metrics: Its row of history.csv: loss, psnr (dB), val_loss, val_psnr (dB), learning_rate, seconds.
        is_best: Whether its validation loss is the lowest so far.
    """

    epoch: int
    epochs: int
    metrics: dict[str, float | None]
    is_best: bool


class TrainProgress(Protocol):
    """Receives the progress of a run, in the order begin, (advance*, epoch)*."""

    def begin(self, total_steps: int, done_steps: int) -> None:
        """The run starts, `done_steps` of `total_steps` having been done by an earlier, interrupted run."""

    def advance(self, steps: int) -> None:
        """So many more steps are done."""

    def epoch(self, report: EpochReport) -> None:
        """An epoch is done, and its state is on the disk."""

    def note(self, message: str) -> None:
        """Something worth a line, such as that a run goes on where it was."""


class SilentProgress:
    """Tells nothing."""

    def begin(self, total_steps: int, done_steps: int) -> None:
        """Ignored."""

    def advance(self, steps: int) -> None:
        """Ignored."""

    def epoch(self, report: EpochReport) -> None:
        """Ignored."""

    def note(self, message: str) -> None:
        """Ignored."""
