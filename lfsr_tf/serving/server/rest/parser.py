"""An HTTP parser that takes no part in upgrades, so that the body of such a request is not lost.

Java's HTTP client and `curl --http2` offer HTTP/2 with every first request (`Upgrade: h2c`). A server may
ignore the offer (RFC 9110, section 7.8), but llhttp stops after the headers then, and uvicorn drops the body.
"""

from __future__ import annotations

from typing import Any

import httptools

_FRAMING = (b"content-length", b"transfer-encoding")


class EnoughError(Exception):
    """A protocol has closed its connection, and wants no more of what came."""


class PlainParser:
    """Tells a protocol of uvicorn what httptools' parser would, were there no upgrade in the headers."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._framing: list[bytes] = []
        self._replaying = False
        self._start()

    def feed_data(self, data: bytes) -> None:
        """Parse what came, up to an `EnoughError` of the protocol.

        Raises:
            httptools.HttpParserError: It is not HTTP.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as pause:
            self._go_on(data[pause.args[0] :])
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, EnoughError):
                raise

    def get_http_version(self) -> str:
        """Of the request."""
        return str(self._parser.get_http_version())

    def get_method(self) -> bytes:
        """Of the request."""
        return bytes(self._parser.get_method())

    def should_keep_alive(self) -> bool:
        """Whether the client may send another request."""
        return bool(self._parser.should_keep_alive())

    def should_upgrade(self) -> bool:
        """Never."""
        return False

    def on_message_begin(self) -> None:
        """Forward it."""
        if not self._replaying:
            self._framing = []
            self._protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Forward it."""
        if not self._replaying:
            self._protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Forward it, and remember where the body will end."""
        if not self._replaying:
            if name.lower() in _FRAMING:
                self._framing.append(name + b": " + value + b"\r\n")
            self._protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        """Forward it."""
        if not self._replaying:
            self._protocol.on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Forward it."""
        self._protocol.on_body(body)

    def on_message_complete(self) -> None:
        """Forward it, unless the parser only believes that another protocol begins here."""
        if not self._parser.should_upgrade():
            self._protocol.on_message_complete()

    def _start(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        # As uvicorn sets it.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def _go_on(self, rest: bytes) -> None:
        """Take up the request behind its headers, with a parser that saw no upgrade in them."""
        self._start()
        self._replaying = True
        self._parser.feed_data(b"POST / HTTP/1.1\r\nhost: -\r\n" + b"".join(self._framing) + b"\r\n")
        self._replaying = False
        if rest:
            self.feed_data(rest)
