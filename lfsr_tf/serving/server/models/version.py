"""One version of a model: its life, and when one that failed is tried again."""

from __future__ import annotations

import enum
import time
from dataclasses import dataclass

from lfsr_tf.serving.server.models.servable import Servable

# The first as TensorFlow Serving waits, which tries a version six times, a minute apart.
_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 60, 3600

Files = tuple[tuple[str, int, int], ...]
"""Names, sizes and times of a version's files, so that a change is seen."""


class State(enum.IntEnum):
    """A version's life, with the numbers of TensorFlow Serving's ModelVersionStatus."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass
class Version:
    """One version, as far as it is known; its model's lock is held wherever it is read or changed.

    Attributes:
        state: Where it is in its life.
        error: Why it could not be loaded; "" where nothing went wrong.
        servable: Its graph while it is loaded.
        leases: Requests that use it.
        files: Those of its folder when it was loaded.
        failures: How often these files have failed to load.
        retry_time: Of the monotonic clock, when they may be tried again.
    """

    state: State = State.START
    error: str = ""
    servable: Servable | None = None
    leases: int = 0
    files: Files = ()
    failures: int = 0
    retry_time: float = 0.0

    def may_be_loaded(self, files: Files) -> bool:
        """Whether to try now what is in its folder."""
        failed = bool(self.error) and self.files == files
        return self.servable is None and not (failed and time.monotonic() < self.retry_time)

    def fail(self, reason: str) -> None:
        """It could not be loaded: it is tried again after a minute, two, four, up to an hour."""
        self.state, self.error = State.END, reason
        wait = min(_LONGEST_RETRY_SECONDS, _RETRY_SECONDS << self.failures)
        self.failures, self.retry_time = self.failures + 1, time.monotonic() + wait

    def finished(self) -> Servable | None:
        """What is to be closed, if it is on its way out and no request uses it any more."""
        if self.state != State.UNLOADING or self.leases:
            return None
        self.state, servable = State.END, self.servable
        self.servable = None
        return servable
