"""Runs that are told of, and end, between two epochs."""

from pathlib import Path

import pytest

from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.fit import train_on
from lfsr_tf.training.progress import EpochReport, SilentProgress
from lfsr_tf.training.sources import PairSource


class InterruptedError(BaseException):
    """Stands for a kill between two epochs."""


class Recorder(SilentProgress):
    """Keeps what it is told; interrupts the run after a given epoch."""

    def __init__(self, interrupt_after: int = 0) -> None:
        self.reports: list[EpochReport] = []
        self.notes: list[str] = []
        self.steps = 0
        self._interrupt_after = interrupt_after

    def begin(self, total_steps: int, done_steps: int) -> None:
        self.total_steps, self.steps = total_steps, done_steps

    def advance(self, steps: int) -> None:
        self.steps += steps

    def epoch(self, report: EpochReport) -> None:
        self.reports.append(report)
        if report.epoch == self._interrupt_after:
            raise InterruptedError

    def note(self, message: str) -> None:
        self.notes.append(message)


def interrupted(source: PairSource, folder: Path, config: TrainConfig, after: int) -> None:
    with pytest.raises(InterruptedError):
        train_on(source, folder, config, Recorder(after))
