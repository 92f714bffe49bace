"""An end for calls whose answer is not taken: gRPC keeps it for as long as the client likes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from lfsr_tf.serving.server.rpc.watch import Watch

logger = logging.getLogger(__name__)

# Of an answer, within the seconds: as over REST, slow lines are slower, but not by much.
_LEAST_TAKEN_BYTES = 1 << 20


class Departure:
    """Bytes of answers that wait for their clients, of all calls; where they are too many, calls are cut."""

    def __init__(self, watch: Watch, seconds: float, most_bytes: int) -> None:
        """Set the limits.

        Args:
            watch: Cuts what takes too long.
            seconds: Longest that a client may take for a mebibyte of its answer, or for what there is.
            most_bytes: Of all answers together; beyond, the calls that have waited longest end, but not the
                last.
        """
        self._watch, self._seconds, self._most_bytes = watch, seconds, most_bytes
        self._held: dict[object, tuple[int, Callable[[], Any]]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def hold(self, context: Any, count: int) -> None:
        """Count the bytes of an answer until its call is over."""
        seconds = self._seconds * -(-max(1, count) // _LEAST_TAKEN_BYTES)
        key = self._watch.begin(seconds, context.cancel, f"did not take an answer of {count} bytes")
        with self._lock:
            self._held[key] = count, context.cancel
            self._bytes += count
        if not context.add_callback(lambda: self._release(key)):
            self._release(key)
        self._make_room()

    def _make_room(self) -> None:
        while True:
            with self._lock:
                if self._bytes <= self._most_bytes or len(self._held) < 2:
                    return
                longest = next(iter(self._held))
                cut = self._held[longest][1]
            self._release(longest)
            cut()
            logger.info("GRPC call cut: others need the memory of its answer, which is not taken")

    def _release(self, key: object) -> None:
        self._watch.end(key)
        with self._lock:
            self._bytes -= self._held.pop(key, (0, None))[0]
