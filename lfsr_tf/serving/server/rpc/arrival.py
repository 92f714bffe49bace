"""An end for calls whose message does not come: gRPC itself waits for it in a thread, for ever."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

logger = logging.getLogger(__name__)


class Arrival:
    """Waits for messages of calls, and from `start` to `stop` cuts the calls that let it wait too long."""

    def __init__(self, seconds: float) -> None:
        """Set the limit.

        Args:
            seconds: Longest that a message may take once a thread waits for it.
        """
        self._seconds = seconds
        self._waiting: dict[object, tuple[float, Callable[[], Any]]] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin to look for calls that take too long."""
        threading.Thread(target=self._watch, name="grpc-arrival", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()

    def message(self, messages: Iterator[Any], context: Any) -> Any:
        """Wait for the first message of a call.

        Returns:
            None where the client ended its side without one.

        Raises:
            RpcError: gRPC's own, the call is over.
        """
        call, due = object(), time.monotonic() + self._seconds
        with self._lock:
            self._waiting[call] = (due, context.cancel)
        try:
            return next(messages, None)
        finally:
            with self._lock:
                self._waiting.pop(call, None)

    def _watch(self) -> None:
        while not self._ended.wait(min(1.0, self._seconds / 4)):
            now = time.monotonic()
            with self._lock:
                late = [call for call, (due, _) in self._waiting.items() if due < now]
                cuts = [self._waiting.pop(call)[1] for call in late]
            for cut in cuts:
                cut()
            if cuts:
                logger.info("GRPC calls cut: %d sent no message within %g seconds", len(cuts), self._seconds)
