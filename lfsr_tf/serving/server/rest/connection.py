"""HTTP connections that do not wait forever for a client to say what it wants, or to take its answer."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lfsr_tf.serving.server.log_lines import Seldom
from lfsr_tf.serving.server.options import Limits
from lfsr_tf.serving.server.rest import json_response
from lfsr_tf.serving.server.rest.parser import EnoughError, PlainParser

logger = logging.getLogger(__name__)
# Of its own, so that there is one line a second, however many come.
_crowd = logging.getLogger(f"{__name__}.crowd")
_crowd.addFilter(Seldom())

_MOST_HEADER_BYTES = 65_536
_MOST_QUEUED = 8
# Of an answer, within the time that a body may take to come: slow lines are slower, but not by much.
_LEAST_TAKEN_BYTES = 1 << 20


class OpenConnections:
    """All connections by their age; where they are too many, the oldest that is not answered ends.

    Those that have begun to send a body and those that have not are counted apart, and the oldest of the kind
    of which there are more ends: neither a crowd of slow uploads nor one of idle connections takes all of
    the places, and honest clients, who are of both kinds, find some.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[TimedProtocol, None] = {}

    def add(self, connection: TimedProtocol) -> None:
        """Count a connection in; it is the one that ends where all others are being answered."""
        self._open[connection] = None
        if len(self._open) > self._most:
            idle = [each for each in self._open if each.idle]
            uploads = [each for each in idle if each.under_way]
            silent = [each for each in idle if not each.under_way]
            oldest = (silent if len(silent) > len(uploads) else uploads)[0]
            self.remove(oldest)
            oldest.make_room()
            _crowd.info("REST connections closed: more than %d, and no whole request of theirs", self._most)

    def remove(self, connection: TimedProtocol) -> None:
        """Count a connection out."""
        self._open.pop(connection, None)


class UntakenAnswers:
    """Bytes of answers that wait for their clients, of all connections; where they are too many, one ends."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held: dict[TimedProtocol, int] = {}

    def hold(self, connection: TimedProtocol, count: int) -> None:
        """Count the bytes of a connection; the ones that have waited longest make room, but not the last."""
        self._held[connection] = count
        while sum(self._held.values()) > self._most_bytes and len(self._held) > 1:
            longest = next(iter(self._held))
            self.release(longest)
            longest.drop()

    def release(self, connection: TimedProtocol) -> None:
        """Count a connection out."""
        self._held.pop(connection, None)


class TimedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits on headers' time and size, on queues, unread answers and connections.

    Without them, a client that sends or takes a byte now and then keeps a connection, and the memory of its
    answer, for as long as it likes; and one that sends requests without waiting for answers fills the memory.
    With them, an answer waits as long as its client takes a mebibyte of it in `Limits.body_seconds`, and
    those of all clients together have `Limits.buffered_bytes`, or what a single one of them needs.

    Two clocks end a connection: `_sending` while the client owes headers, `_taking` while it owes the reading
    of an answer.

        Event                                     _sending                 _taking
        connection made, request begun            starts anew
        headers complete                          stops
        bytes that belong to no request           starts, unless it runs
        writing paused: the client reads slowly                            starts anew
        a mebibyte was taken in time                                       starts anew
        writing resumed                                                    stops
        closed, with bytes of an answer left                               starts, unless it runs
        connection lost                           stops                    stops
    """

    def __init__(
        self, *args: Any, limits: Limits, untaken: UntakenAnswers, opened: OpenConnections, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._untaken, self._opened = untaken, opened
        self.parser = PlainParser(self)  # type: ignore[assignment]
        self._limits = limits
        self._header_bytes = self._unsent = 0
        self._sending: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time of the first request's headers."""
        super().connection_made(transport)
        self._wait_for_headers()
        self._opened.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._opened.remove(self)
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the bytes of headers, and of trailers and whatever else is no body."""
        self._header_bytes += len(data)
        if self._header_bytes > _MOST_HEADER_BYTES + len(data):
            self._give_up(f"more than {_MOST_HEADER_BYTES} bytes of headers")
            return
        super().data_received(data)
        answered = self.cycle is None or self.cycle.response_complete
        if self._sending is None and answered and not self.transport.is_closing():
            # Blank lines, or the rest of a body that was refused: it ends soon, or the connection does.
            self._wait_for_headers()

    def on_message_begin(self) -> None:
        """Start the time of the next request's headers."""
        super().on_message_begin()
        self._wait_for_headers()

    def on_headers_complete(self) -> None:
        """Stop the clock: the body has a limit of its own.

        Raises:
            EnoughError: The client has sent too many requests ahead of their answers.
        """
        self._stop_waiting()
        # uvicorn reads on after every answer, however many requests still wait for theirs.
        if len(self.pipeline) >= _MOST_QUEUED:
            self._give_up(f"more than {_MOST_QUEUED} requests ahead of their answers")
            raise EnoughError
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """What came is no header."""
        self._header_bytes = 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Limit the time for the rest of the last answer."""
        super().on_response_complete()
        self._limit_rest()

    def timeout_keep_alive_handler(self) -> None:
        """Close, and limit the time for the rest of an answer."""
        super().timeout_keep_alive_handler()
        self._limit_rest()

    def shutdown(self) -> None:
        """Close, and limit the time for the rest of an answer."""
        super().shutdown()
        self._limit_rest()

    def pause_writing(self) -> None:
        """Start the time for the client to take some of its answer."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """Stop that clock."""
        super().resume_writing()
        self._stop_waiting_for_reader()
        self._limit_rest()

    @property
    def idle(self) -> bool:
        """Whether there is neither a whole request to answer nor a part of an answer to be taken."""
        # Requests queue up behind one that is being answered.
        asked = bool(self.pipeline) or (self.under_way and not self.cycle.more_body)
        return not asked and self.transport.get_write_buffer_size() == 0

    @property
    def under_way(self) -> bool:
        """Whether the last request whose headers have come is not answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def make_room(self) -> None:
        """End the connection, which is idle."""
        self.transport.abort()

    def drop(self) -> None:
        """End the connection without its last answer."""
        logger.info("REST connection of %s closed: its answer is not taken", self.client)
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Say in the API's form that what came is not HTTP."""
        body = json_response.refused(msg)
        head = (
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self._close()

    def _wait_for_headers(self) -> None:
        self._stop_waiting()
        seconds = self._limits.header_seconds
        self._sending = self.loop.call_later(seconds, self._give_up, f"no request within {seconds:g} seconds")

    def _stop_waiting(self) -> None:
        self._header_bytes = 0
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _wait_for_reader(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
        self._unsent = self.transport.get_write_buffer_size()
        self._taking = self.loop.call_later(self._limits.body_seconds, self._check_reader)
        self._untaken.hold(self, self._unsent)

    def _stop_waiting_for_reader(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None
        self._untaken.release(self)

    def _check_reader(self) -> None:
        taken = self._unsent - self.transport.get_write_buffer_size()
        if taken >= min(self._unsent, _LEAST_TAKEN_BYTES):
            self._wait_for_reader()
        else:
            self.drop()

    def _limit_rest(self) -> None:
        """A transport that is closed waits for its last bytes to be taken, if need be for ever."""
        closing = self.transport.is_closing() and self.transport.get_write_buffer_size() > 0
        if closing and self._taking is None:
            self._taking = self.loop.call_later(self._limits.body_seconds, self.drop)

    def _give_up(self, reason: str) -> None:
        self._stop_waiting()
        logger.info("REST connection of %s closed: %s", self.client, reason)
        self._close()

    def _close(self) -> None:
        self.transport.close()
        self._limit_rest()


def timed_protocol(limits: Limits) -> Any:
    """The protocol with its limits, as uvicorn makes it for each connection."""
    return partial(
        TimedProtocol,
        limits=limits,
        untaken=UntakenAnswers(limits.buffered_bytes),
        opened=OpenConnections(limits.connections),
    )
