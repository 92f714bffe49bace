"""Receiving a request's body: no larger, no slower and no more of them at once than the limits say."""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.requests import ClientDisconnect, Request

from lfsr_tf.serving.server.gate import ByteBudget
from lfsr_tf.serving.server.options import Limits
from lfsr_tf.serving.server.refusal import Code, RefusalError, client_gone, invalid, too_large

Body = bytes | bytearray
"""As it was received: a copy would hold it twice."""

_GZIP = 16 + zlib.MAX_WBITS
# A kilobyte can become a megabyte: one at a time, and beside the event loop.
_UNPACKING = threading.Lock()


class BodyReader:
    """Receives the bodies of one server, and counts the bytes that are held of them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        # One body that is as large as it may be fits in any case, packed and unpacked.
        self._budget = ByteBudget(max(limits.buffered_bytes, 2 * limits.request_bytes))

    @asynccontextmanager
    async def received(self, request: Request) -> AsyncIterator[Body]:
        """Receive a body, unpack it if it is gzip, and hold its bytes in the budget while the block runs.

        Raises:
            RefusalError: It is too large, too slow, packed in another way, there is no memory for it now, or
                the client has gone.
        """
        encoding = request.headers.get("content-encoding", "identity").lower()
        if encoding not in ("identity", "gzip"):
            raise invalid(f"Expected Content-Encoding gzip or none. Received: {encoding[:40]!r}.")
        body, plain = bytearray(), b""
        try:
            await self._receive(request, body)
            if encoding == "gzip":
                plain = await anyio.to_thread.run_sync(self._unpacked, body)
            yield plain if encoding == "gzip" else body
        finally:
            self._budget.give_back(len(body) + len(plain))

    async def _receive(self, request: Request, body: bytearray) -> None:
        most, seconds = self._limits.request_bytes, self._limits.body_seconds
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            raise too_large(int(declared), most)
        try:
            async with asyncio.timeout(seconds):
                async for chunk in request.stream():
                    if len(body) + len(chunk) > most:
                        raise too_large(len(body) + len(chunk), most)
                    self._budget.take(len(chunk))
                    body += chunk
        except TimeoutError as error:
            message = f"Expected the whole body within {seconds:g} seconds. Received: a part of it."
            raise RefusalError(Code.DEADLINE_EXCEEDED, message, http=408) from error
        except ClientDisconnect as error:
            raise client_gone() from error

    def _unpacked(self, body: bytearray) -> bytes:
        most, unpacker = self._limits.request_bytes, zlib.decompressobj(_GZIP)
        with _UNPACKING:
            try:
                plain = unpacker.decompress(body, most + 1)
            except zlib.error as error:
                raise invalid("Expected a body of gzip. Received: something else.") from error
            if len(plain) > most:
                raise too_large(len(plain), most)
            if not unpacker.eof:
                raise invalid("Expected a whole body of gzip. Received: its beginning.")
            self._budget.take(len(plain))
        return plain
