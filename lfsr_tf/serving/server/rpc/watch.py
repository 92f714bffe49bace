"""An end for calls that take too long: gRPC itself waits for ever."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

logger = logging.getLogger(__name__)


class Watch:
    """Cuts, from `start` to `stop`, the calls that are not done with something in time."""

    def __init__(self, tick_seconds: float) -> None:
        """Set how often it looks."""
        self._tick_seconds = tick_seconds
        self._waiting: dict[object, tuple[float, Callable[[], Any], str]] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin to look for calls that take too long."""
        threading.Thread(target=self._run, name="grpc-watch", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()

    def begin(self, seconds: float, cut: Callable[[], Any], fault: str) -> object:
        """Count the time of a call.

        Args:
            seconds: Longest that it may take.
            cut: Ends it.
            fault: What it has done then, for the log.

        Returns:
            For `end`.
        """
        key = object()
        with self._lock:
            self._waiting[key] = (time.monotonic() + seconds, cut, fault)
        return key

    def end(self, key: object) -> None:
        """It is done in time, or was cut."""
        with self._lock:
            self._waiting.pop(key, None)

    def _run(self) -> None:
        while not self._ended.wait(self._tick_seconds):
            now = time.monotonic()
            with self._lock:
                late = [key for key, (due, _, _) in self._waiting.items() if due < now]
                found = [self._waiting.pop(key) for key in late]
            for _, cut, _ in found:
                cut()
            for fault, count in Counter(fault for _, _, fault in found).items():
                logger.info("GRPC calls cut: %d %s", count, fault)
