"""Whoever waits for an answer, and what is to happen once nobody does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lfsr_tf.serving.server.refusal import RefusalError, client_gone


class Caller:
    """One request's client, who may leave at any time; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refusal: RefusalError | None = None
        self._acts: list[Callable[[], object]] = []

    @property
    def gone(self) -> bool:
        """Whether nobody waits any more."""
        return self._refusal is not None

    def leave(self, refusal: RefusalError | None = None) -> None:
        """Nobody waits any more; from the second time on, it does nothing.

        Args:
            refusal: What the request comes to; None for a client that has gone.
        """
        with self._lock:
            if self._refusal is None:
                self._refusal = refusal or client_gone()
                for act in self._acts:
                    act()

    def check(self) -> None:
        """Go on only if somebody still waits.

        Raises:
            RefusalError: Nobody does: CANCELLED, or DEADLINE_EXCEEDED.
        """
        if self._refusal is not None:
            raise self._refusal

    @contextmanager
    def told(self, act: Callable[[], object]) -> Iterator[None]:
        """Have something done as soon as nobody waits any more, but not after the block.

        Args:
            act: Called at most once, from any thread, and at once where nobody waits now; quick, and without
                a call of this object, which is locked meanwhile.
        """
        with self._lock:
            self._acts.append(act)
            if self._refusal is not None:
                act()
        try:
            yield
        finally:
            with self._lock:
                self._acts.remove(act)
