"""HTTP connections that do not wait forever for a client to say what it wants, or to take its answer."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lfsr_tf.serving.server.options import Limits
from lfsr_tf.serving.server.rest import json_response
from lfsr_tf.serving.server.rest.parser import PlainParser

logger = logging.getLogger(__name__)

_MOST_HEADER_BYTES = 65_536


class TimedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits on the time and the size of a request's headers, and on unread answers.

    Without them, a client that sends or takes a byte now and then keeps a connection, and the memory of its
    answer, for as long as it likes.
    """

    def __init__(self, *args: Any, limits: Limits, **options: Any) -> None:
        super().__init__(*args, **options)
        self.parser = PlainParser(self)  # type: ignore[assignment]
        self._limits = limits
        self._header_bytes = self._unsent = 0
        self._in_headers = True
        self._sending: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time of the first request's headers."""
        super().connection_made(transport)
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the bytes of headers."""
        if self._sending is not None and self._in_headers:
            self._header_bytes += len(data)
            if self._header_bytes > _MOST_HEADER_BYTES + len(data):
                self._give_up(f"more than {_MOST_HEADER_BYTES} bytes of headers")
                return
        super().data_received(data)
        answered = self.cycle is None or self.cycle.response_complete
        if self._sending is None and answered and not self.transport.is_closing():
            # Blank lines, or the rest of a body that was refused: it ends soon, or the connection does.
            self._wait_for_headers()
            self._in_headers = False

    def on_message_begin(self) -> None:
        """Start the time of the next request's headers."""
        super().on_message_begin()
        self._wait_for_headers()

    def on_headers_complete(self) -> None:
        """Stop the clock: the body has a limit of its own."""
        self._stop_waiting()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Start the time for the client to take some of its answer."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """Stop that clock."""
        super().resume_writing()
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def send_400_response(self, msg: str) -> None:
        """Say in the API's form that what came is not HTTP."""
        body = json_response.refused(msg)
        head = (
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _wait_for_headers(self) -> None:
        self._stop_waiting()
        self._in_headers = True
        seconds = self._limits.header_seconds
        self._sending = self.loop.call_later(seconds, self._give_up, f"no request within {seconds:g} seconds")

    def _stop_waiting(self) -> None:
        self._header_bytes = 0
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _wait_for_reader(self) -> None:
        self._unsent = self.transport.get_write_buffer_size()
        self._taking = self.loop.call_later(self._limits.body_seconds, self._check_reader)

    def _check_reader(self) -> None:
        if self.transport.get_write_buffer_size() < self._unsent:
            self._wait_for_reader()
            return
        logger.info("REST connection of %s closed: its answer is not taken", self.client)
        self.transport.abort()

    def _give_up(self, reason: str) -> None:
        self._stop_waiting()
        logger.info("REST connection of %s closed: %s", self.client, reason)
        self.transport.close()


def timed_protocol(limits: Limits) -> Any:
    """The protocol with its limits, as uvicorn makes it for each connection."""
    return partial(TimedProtocol, limits=limits)
