"""HTTP connections that do not wait forever for a client to say what it wants."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

logger = logging.getLogger(__name__)

_MOST_HEADER_BYTES = 65_536


class TimedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a limit on the time and the size of a request's headers.

    Without one, a client that sends a byte now and then keeps a connection for as long as it likes.
    """

    def __init__(self, *args: Any, header_seconds: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._header_seconds = header_seconds
        self._header_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time of the first request's headers."""
        super().connection_made(transport)
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the bytes of headers."""
        if self._timer is not None:
            self._header_bytes += len(data)
            if self._header_bytes > _MOST_HEADER_BYTES + len(data):
                self._give_up(f"more than {_MOST_HEADER_BYTES} bytes of headers")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Start the time of the next request's headers."""
        super().on_message_begin()
        self._wait_for_headers()

    def on_headers_complete(self) -> None:
        """Stop the clock: the body has a limit of its own."""
        self._stop_waiting()
        super().on_headers_complete()

    def _wait_for_headers(self) -> None:
        self._stop_waiting()
        reason = f"no request within {self._header_seconds:g} seconds"
        self._timer = self.loop.call_later(self._header_seconds, self._give_up, reason)

    def _stop_waiting(self) -> None:
        self._header_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self, reason: str) -> None:
        self._stop_waiting()
        logger.info("REST connection of %s closed: %s", self.client, reason)
        self.transport.close()


def timed_protocol(header_seconds: float) -> Any:
    """The protocol with its limit, as uvicorn makes it for each connection."""
    return partial(TimedProtocol, header_seconds=header_seconds)
