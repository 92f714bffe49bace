"""An end for calls whose message does not come: gRPC waits for it in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lfsr_tf.serving.server.rpc.watch import Watch


class Arrival:
    """Waits for messages of calls, and has the calls cut that let it wait too long."""

    def __init__(self, watch: Watch, seconds: float) -> None:
        """Set the limit.

        Args:
            watch: Cuts.
            seconds: Longest that a message may take once a thread waits for it.
        """
        self._watch, self._seconds = watch, seconds

    def message(self, messages: Iterator[Any], context: Any) -> Any:
        """Wait for the first message of a call.

        Returns:
            None where the client ended its side without one.

        Raises:
            RpcError: gRPC's own, the call is over.
        """
        fault = f"sent no message within {self._seconds:g} seconds"
        key = self._watch.begin(self._seconds, context.cancel, fault)
        try:
            return next(messages, None)
        finally:
            self._watch.end(key)
