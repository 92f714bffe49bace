"""How far the enhancements under way are, for whoever asks by the key that came with the request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lfsr_tf.serving.server.caller import Caller

_LONGEST_KEY = 64


class Progress:
    """Slices done of those under way; safe to use from any thread."""

    def __init__(self) -> None:
        self._done: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def of(self, key: str, slices: int, caller: Caller) -> Iterator[Callable[[int], None]]:
        """Count the slices of one request while the block runs.

        Args:
            key: Made up by the client; "" for one that does not ask.
            slices: In all.
            caller: Who waits for the result.

        Yields:
            To be told the number of slices that were finished; it raises RefusalError, CANCELLED, once the
            client has gone, so that nobody's work ends soon.
        """
        key = key[:_LONGEST_KEY]
        self._set(key, 0, slices)

        def advance(count: int) -> None:
            caller.check()
            self._set(key, self.found(key)[0] + count, slices)

        try:
            yield advance
        finally:
            with self._lock:
                self._done.pop(key, None)

    def found(self, key: str) -> tuple[int, int]:
        """Slices done, and in all; zeros for a request that is not under way."""
        with self._lock:
            return self._done.get(key[:_LONGEST_KEY], (0, 0))

    def _set(self, key: str, done: int, slices: int) -> None:
        with self._lock:
            self._done[key] = (done, slices)
