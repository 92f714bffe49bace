"""Who may work, who must wait, and who is refused: so that load slows a server down but does not end it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from lfsr_tf.serving.server.caller import Caller
from lfsr_tf.serving.server.refusal import Code, RefusalError


class Gate:
    """Some requests run, some wait for one of those to end, and the others are refused."""

    def __init__(self, running: int, waiting: int) -> None:
        self._places, self._turns = running + waiting, running
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()
        self._inside = 0

    @property
    def inside(self) -> int:
        """Requests that run or wait."""
        return self._inside

    @contextmanager
    def turn(self, timeout: float | None, caller: Caller | None = None) -> Iterator[None]:
        """Wait for a turn, and keep it for the block.

        Args:
            timeout: Longest to wait, in seconds; None for as long as it takes.
            caller: Who waits, if it may leave: then it waits no longer.

        Raises:
            RefusalError: RESOURCE_EXHAUSTED, too many are waiting; DEADLINE_EXCEEDED, it took too long; or
                the caller has left.
        """
        with self._lock:
            if self._inside >= self._places:
                raise RefusalError(
                    Code.RESOURCE_EXHAUSTED,
                    f"Expected at most {self._places} requests at once. Received: one more. Try again later.",
                )
            self._inside += 1
        try:
            if not self._begin(timeout, caller or Caller()):
                raise RefusalError(
                    Code.DEADLINE_EXCEEDED, f"No turn for this request within {timeout:.1f} seconds."
                )
            try:
                if caller is not None:
                    caller.check()
                yield
            finally:
                self._end()
        finally:
            with self._lock:
                self._inside -= 1

    def _begin(self, timeout: float | None, caller: Caller) -> bool:
        with self._lock:
            if self._turns > 0:
                self._turns -= 1
                return True
            waiter = threading.Event()
            self._waiting.append(waiter)
        with caller.told(waiter.set):
            # The deadline of a gRPC request that has none is infinite, which a lock cannot wait for.
            waiter.wait(None if timeout is None else min(timeout, threading.TIMEOUT_MAX))
        with self._lock:
            if waiter not in self._waiting:  # whose turn it is was taken out
                return True
            self._waiting.remove(waiter)
        caller.check()
        return False

    def _end(self) -> None:
        """Give the turn to the one that has waited longest, if any."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._turns += 1


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
