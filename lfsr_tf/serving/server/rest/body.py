"""Receiving a request's body: no larger, no slower and no more of them at once than the limits say."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from lfsr_tf.serving.server.gate import ByteBudget
from lfsr_tf.serving.server.options import Limits
from lfsr_tf.serving.server.refusal import Code, RefusalError, invalid, too_large

_GZIP = 16 + zlib.MAX_WBITS


@asynccontextmanager
async def received(request: Request, limits: Limits, budget: ByteBudget) -> AsyncIterator[bytes]:
    """Receive a body, unpack it if it is gzip, and count its bytes in the budget while the block runs.

    Raises:
        RefusalError: It is too large, too slow, packed in another way, there is no memory for it now, or the
            client has gone.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.request_bytes:
        raise too_large(int(declared), limits.request_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.stream():
                budget.take(len(chunk))
                body += chunk
                if len(body) > limits.request_bytes:
                    raise too_large(len(body), limits.request_bytes)
        yield _unpacked(bytes(body), request.headers.get("content-encoding", "identity"), limits)
    except TimeoutError as error:
        message = f"Expected the whole body within {limits.body_seconds:g} seconds. Received: a part of it."
        raise RefusalError(Code.DEADLINE_EXCEEDED, message, http=408) from error
    except ClientDisconnect as error:
        raise RefusalError(Code.CANCELLED, "The client has gone.") from error
    finally:
        budget.give_back(len(body))


def _unpacked(body: bytes, encoding: str, limits: Limits) -> bytes:
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise invalid(f"Expected Content-Encoding gzip or none. Received: {encoding[:40]!r}.")
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(body, limits.request_bytes)
    except zlib.error as error:
        raise invalid("Expected a body of gzip. Received: something else.") from error
    if unpacker.unconsumed_tail:
        raise too_large(limits.request_bytes + 1, limits.request_bytes)
    if not unpacker.eof:
        raise invalid("Expected a whole body of gzip. Received: its beginning.")
    return plain
