"""Connections end when a client takes too long, and never because of how it asks."""

import json
import logging
import socket
import time
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lfsr_tf.errors import LfsrError
from lfsr_tf.serving.server.options import Limits
from lfsr_tf.serving.server.rest.http_server import HttpServer

# Short enough to wait for, and long enough that a busy machine gets its own part done.
SECONDS = 1.0
LIMITS = Limits(header_seconds=SECONDS, body_seconds=SECONDS, shutdown_seconds=1.0)
LARGE = b"x" * (32 << 20)


async def echo(request: Request) -> Response:
    """What was sent, or much."""
    return Response(await request.body() or LARGE if request.method == "POST" else b"got")


async def deaf(request: Request) -> Response:
    """An answer to who has not finished."""
    return Response(b"no", 400)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    routes = [Route("/echo", echo, methods=["GET", "POST"]), Route("/deaf", deaf, methods=["POST"])]
    server = HttpServer(Starlette(routes=routes), LIMITS)
    yield server.start("127.0.0.1", 0)
    server.stop()


@pytest.fixture
def client(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10.0) as connected:
        yield connected


def until_closed(client: socket.socket, *, dribble: bytes = b"") -> tuple[bytes, float]:
    """What comes until the server closes, and how long that takes, while bytes are dribbled to it."""
    started, came = time.monotonic(), b""
    client.settimeout(0.05)
    while time.monotonic() - started < 10.0:
        try:
            if dribble:
                client.sendall(dribble)
            part = client.recv(65_536)
        except TimeoutError:
            continue
        except OSError:
            return came, time.monotonic() - started
        if not part:
            return came, time.monotonic() - started
        came += part
    pytest.fail("the server keeps the connection")


def answered(client: socket.socket, request: bytes) -> tuple[int, bytes]:
    """Status and body of the answer."""
    client.sendall(request)
    stream = client.makefile("rb")
    status = int(stream.readline().split()[1])
    length = 0
    while line := stream.readline().strip():
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return status, stream.read(length)


@pytest.mark.parametrize(
    ("start", "dribble"),
    [(b"", b""), (b"", b"\r\n"), (b"GET /echo HTTP/1.1\r\n", b"a: b\r\n"), (b"GET /e", b"c")],
)
def test_headers_that_do_not_end_end_the_connection(
    client: socket.socket, start: bytes, dribble: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lfsr_tf")
    client.sendall(start)
    came, seconds = until_closed(client, dribble=dribble)
    assert came == b""
    assert 0.5 * SECONDS < seconds < 5 * SECONDS
    assert ["no request within 1 seconds" in record.message for record in caplog.records] == [True]


def test_headers_without_end_are_not_kept(client: socket.socket) -> None:
    client.sendall(b"GET /echo HTTP/1.1\r\n" + b"a: b\r\n" * 20_000)
    came, seconds = until_closed(client, dribble=b"a: b\r\n" * 12_000)
    assert (came, seconds < 0.8 * SECONDS) == (b"", True)  # not for the time that they take


@pytest.mark.parametrize(
    ("start", "dribble"),
    [(b"0\r\n", b"a: b\r\n" * 12_000), (b"0\r\na: ", b"b" * 72_000), (b"2;a=", b"b" * 72_000)],
    ids=["trailers", "one trailer", "an extension of a chunk"],
)
def test_what_is_no_body_is_not_kept_behind_the_headers(
    client: socket.socket, start: bytes, dribble: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lfsr_tf")
    client.sendall(b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n" + start)
    assert until_closed(client, dribble=dribble)[0] == b""
    own = [
        record for record in caplog.records if record.name.startswith("lfsr_tf")
    ]  # the application's differ
    assert ["more than 65536 bytes of headers" in record.message for record in own] == [True]


def test_a_body_of_small_chunks_may_be_large(client: socket.socket) -> None:
    head = b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = b"1\r\nx\r\n" * 100_000
    assert answered(client, head + chunks + b"0\r\na: b\r\n\r\n") == (200, b"x" * 100_000)


@pytest.mark.parametrize("dribble", [b"\r\n", b""])
def test_after_an_answer_the_next_request_has_its_time(client: socket.socket, dribble: bytes) -> None:
    assert answered(client, b"GET /echo HTTP/1.1\r\nhost: a\r\n\r\n") == (200, b"got")
    time.sleep(1.3 * SECONDS)
    assert answered(client, b"GET /echo HTTP/1.1\r\nhost: a\r\n\r\n") == (200, b"got")
    if dribble:
        came, seconds = until_closed(client, dribble=dribble)
        assert (came, seconds < 5 * SECONDS) == (b"", True)


def test_the_rest_of_a_body_that_was_refused_is_read_for_a_while_only(client: socket.socket) -> None:
    request = b"POST /deaf HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nx"
    assert answered(client, request) == (400, b"no")
    came, seconds = until_closed(client, dribble=b"x")
    assert (came, seconds < 5 * SECONDS) == (b"", True)


def test_a_body_that_was_refused_does_not_become_a_request(client: socket.socket) -> None:
    smuggled = b"x" * 4_000_000 + b"GET /echo HTTP/1.1\r\nhost: a\r\n\r\n"
    request = b"POST /deaf HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(smuggled)
    assert answered(client, request) == (400, b"no")
    assert answered(client, smuggled + b"POST /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi") == (200, b"hi")


def test_an_answer_that_is_not_taken_is_given_up(
    client: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lfsr_tf")
    client.sendall(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")
    deadline = time.monotonic() + 5 * SECONDS
    while not caplog.records:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert ["its answer is not taken" in record.message for record in caplog.records] == [True]
    came, _ = until_closed(client)
    assert len(came) < len(LARGE)


def test_an_answer_that_is_taken_by_the_crumb_is_given_up(
    client: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lfsr_tf")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    client.sendall(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")
    deadline = time.monotonic() + 5 * SECONDS
    while not [record for record in caplog.records if "its answer is not taken" in record.message]:
        assert time.monotonic() < deadline
        assert client.recv(4096)
        time.sleep(0.01)


def test_a_slow_reader_that_goes_on_reading_gets_everything(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    client.sendall(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    received = 0
    while part := client.recv(2 << 20):
        received += len(part)
        time.sleep(0.03)
    assert received > len(LARGE)


@pytest.mark.parametrize(
    "request_bytes", [b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n"]
)
def test_what_is_not_http_is_told_so_in_json(client: socket.socket, request_bytes: bytes) -> None:
    status, body = answered(client, request_bytes)
    assert (status, json.loads(body)) == (400, {"error": "Invalid HTTP request received."})


UPGRADE = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"


CHUNKS = b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"


@pytest.mark.parametrize("pause", [0.0, 0.05])
@pytest.mark.parametrize(
    ("framing", "body"), [(b"content-length: 5", b"hello"), (b"transfer-encoding: chunked", CHUNKS)]
)
def test_an_offer_of_another_protocol_costs_nothing(
    client: socket.socket, framing: bytes, body: bytes, pause: float
) -> None:
    head = b"POST /echo HTTP/1.1\r\nhost: a\r\n" + UPGRADE + framing + b"\r\n\r\n"
    for _ in range(2):  # the connection goes on
        if pause:
            client.sendall(head)
            time.sleep(pause)
        assert answered(client, body if pause else head + body) == (200, b"hello")
        assert answered(client, b"GET /echo HTTP/1.1\r\nhost: a\r\n" + UPGRADE + b"\r\n") == (200, b"got")


def test_requests_that_are_sent_at_once_are_answered_in_turn(client: socket.socket) -> None:
    one = b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n"
    client.sendall(one + b"a" + one + b"b" + one.replace(b"host", UPGRADE + b"host") + b"c" + one + b"d")
    stream, bodies = client.makefile("rb"), b""
    for _ in range(4):
        while stream.readline() != b"\r\n":
            pass
        bodies += stream.read(1)
    assert bodies == b"abcd"


def test_requests_that_wait_for_their_turn_are_few(
    client: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lfsr_tf")
    one = b"GET /echo HTTP/1.1\r\nhost: a\r\n\r\n"
    client.sendall(8 * one + one.replace(b"host", b"connection: close\r\nhost"))
    assert until_closed(client)[0].count(b"got") == 9
    with socket.create_connection(client.getpeername()) as other:
        other.sendall(1000 * one)
        assert until_closed(other)[0].count(b"got") < 9
    assert ["more than 8 requests" in record.message for record in caplog.records] == [True]


def test_answers_do_not_wait_for_the_client_s_acknowledgements(client: socket.socket) -> None:
    started = time.monotonic()
    for _ in range(25):
        assert answered(client, b"GET /echo HTTP/1.1\r\nhost: a\r\n\r\n") == (200, b"got")
    assert time.monotonic() - started < 25 * 0.02  # an acknowledgement comes after 0.04 s


def test_a_port_that_is_taken_is_one_sentence(port: int) -> None:
    with pytest.raises(LfsrError, match=rf"Cannot listen on 127\.0\.0\.1:{port} for REST: .* Choose another"):
        HttpServer(Starlette(), LIMITS).start("127.0.0.1", port)
