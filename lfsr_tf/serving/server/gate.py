"""Who may work, who must wait, and who is refused: so that load slows a server down but does not end it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lfsr_tf.serving.server.refusal import Code, RefusalError


class Gate:
    """Some requests run, some wait for one of those to end, and the others are refused."""

    def __init__(self, running: int, waiting: int) -> None:
        self._places = running + waiting
        self._turns = threading.Semaphore(running)
        self._lock = threading.Lock()
        self._inside = 0

    @property
    def inside(self) -> int:
        """Requests that run or wait."""
        return self._inside

    @contextmanager
    def turn(self, timeout: float | None) -> Iterator[None]:
        """Wait for a turn, and keep it for the block.

        Args:
            timeout: Longest to wait, in seconds; None for as long as it takes.

        Raises:
            RefusalError: RESOURCE_EXHAUSTED, too many are waiting; DEADLINE_EXCEEDED, it took too long.
        """
        with self._lock:
            if self._inside >= self._places:
                raise RefusalError(
                    Code.RESOURCE_EXHAUSTED,
                    f"Expected at most {self._places} requests at once. Received: one more. Try again later.",
                )
            self._inside += 1
        try:
            # The deadline of a gRPC request that has none is infinite, which a lock cannot wait for.
            longest = None if timeout is None else min(timeout, threading.TIMEOUT_MAX)
            if not self._turns.acquire(timeout=longest):
                raise RefusalError(
                    Code.DEADLINE_EXCEEDED, f"No turn for this request within {timeout:.1f} seconds."
                )
            try:
                yield
            finally:
                self._turns.release()
        finally:
            with self._lock:
                self._inside -= 1


class ByteBudget:
    """Bytes of requests that may be held at once, of all clients together."""

    def __init__(self, most: int) -> None:
        self._most, self._taken = most, 0
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Count bytes in.

        Raises:
            RefusalError: RESOURCE_EXHAUSTED, they would be too many; then none is counted.
        """
        with self._lock:
            if self._taken + count > self._most:
                raise RefusalError(
                    Code.RESOURCE_EXHAUSTED,
                    f"Expected at most {self._most} bytes of requests at once. Received: more. "
                    "Try again later.",
                )
            self._taken += count

    @contextmanager
    def held(self, count: int) -> Iterator[None]:
        """Hold bytes while the block runs.

        Raises:
            RefusalError: RESOURCE_EXHAUSTED, they would be too many.
        """
        self.take(count)
        try:
            yield
        finally:
            self.give_back(count)

    def give_back(self, count: int) -> None:
        """Count bytes out."""
        with self._lock:
            self._taken -= count
