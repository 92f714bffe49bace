"""Bodies are received whole, within their limits, and what they held is given back."""

import asyncio
import gzip
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st
from starlette.requests import Request

from lfsr_tf.serving.server.options import Limits
from lfsr_tf.serving.server.refusal import Code, RefusalError
from lfsr_tf.serving.server.rest.body import BodyReader

LIMITS = Limits(request_bytes=1000, buffered_bytes=1000, body_seconds=0.05)
BOMB = gzip.compress(b" " * 100_000)


def read(reader: BodyReader, chunks: Sequence[bytes], *, ends: bool = True, **headers: str) -> bytes:
    """Receive a body of these chunks; one that does not end waits forever."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if ends:
        messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, object]:
        if not messages:
            await asyncio.sleep(60)
        return messages.pop(0)

    async def received() -> bytes:
        names = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        async with reader.received(Request({"type": "http", "headers": names}, receive)) as body:
            return body

    return asyncio.run(received())


def still_whole(reader: BodyReader) -> bool:
    """Whether the budget takes what it took in the beginning."""
    return read(reader, [b"x" * 1000]) == b"x" * 1000


@given(st.lists(st.binary(max_size=90), max_size=10), st.booleans())
def test_chunks_become_the_body(chunks: list[bytes], packed: bool) -> None:
    body = b"".join(chunks)
    sent = [gzip.compress(body)] if packed else chunks
    assert read(BodyReader(LIMITS), sent, content_encoding="gzip" if packed else "identity") == body


@pytest.mark.parametrize("size", [999, 1000, 1001])
@pytest.mark.parametrize("packed", [False, True])
def test_the_limit_is_the_last_size_that_is_taken(size: int, packed: bool) -> None:
    reader, body = BodyReader(LIMITS), b"x" * size
    sent, encoding = (gzip.compress(body), "GZIP") if packed else (body, "identity")
    if size <= 1000:
        assert read(reader, [sent], content_encoding=encoding) == body
    else:
        with pytest.raises(RefusalError, match="at most 1000 bytes") as refusal:
            read(reader, [sent], content_encoding=encoding)
        assert (refusal.value.code, refusal.value.http) == (Code.RESOURCE_EXHAUSTED, 413)
    assert still_whole(reader)


@pytest.mark.parametrize(
    ("chunks", "headers", "http", "message"),
    [
        ([], {"content_length": "1001"}, 413, "Received: 1001 or more"),
        ([b"x" * 600, b"x" * 600], {}, 413, "Received: 1200 or more"),
        ([BOMB], {"content_encoding": "gzip"}, 413, "Received: 1001 or more"),
        ([b"junk"], {"content_encoding": "gzip"}, 400, "Expected a body of gzip. Received: something else."),
        ([gzip.compress(b"x")[:-1]], {"content_encoding": "gzip"}, 400, "Expected a whole body of gzip."),
        ([zlib.compress(b"x")], {"content_encoding": "deflate"}, 400, "Expected Content-Encoding gzip or"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(
    chunks: list[bytes], headers: dict[str, str], http: int, message: str
) -> None:
    reader = BodyReader(LIMITS)
    for _ in range(3):
        with pytest.raises(RefusalError) as refusal:
            read(reader, chunks, **headers)
        assert refusal.value.http == http
        assert message in refusal.value.message
    assert still_whole(reader)


def test_a_body_that_does_not_end_is_given_up() -> None:
    reader = BodyReader(LIMITS)
    with pytest.raises(RefusalError, match=r"whole body within 0\.05 seconds") as refusal:
        read(reader, [b"x" * 900], ends=False)
    assert (refusal.value.code, refusal.value.http) == (Code.DEADLINE_EXCEEDED, 408)
    assert still_whole(reader)


def test_all_bodies_together_share_one_budget_packed_or_not() -> None:
    reader = BodyReader(LIMITS)

    async def together() -> bytes:
        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"x" * 1000, "more_body": False}

        async def packed() -> dict[str, object]:
            return {"type": "http.request", "body": gzip.compress(b"x" * 1000), "more_body": False}

        encoded = [(b"content-encoding", b"gzip")]
        first = Request({"type": "http", "headers": []}, receive)
        other = Request({"type": "http", "headers": encoded}, packed)
        async with reader.received(first), reader.received(other) as second:
            return second

    with pytest.raises(RefusalError, match="at most 2000 bytes of requests at once") as refusal:
        asyncio.run(together())
    assert refusal.value.http == 429
    assert still_whole(reader)


def test_a_client_that_has_gone_is_no_failure() -> None:
    async def received() -> None:
        async def receive() -> dict[str, object]:
            return {"type": "http.disconnect"}

        request = Request({"type": "http", "headers": []}, receive)
        async with BodyReader(LIMITS).received(request):
            pass

    with pytest.raises(RefusalError) as refusal:
        asyncio.run(received())
    assert refusal.value.code == Code.CANCELLED
