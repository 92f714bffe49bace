"""A connection whose last answer is not taken ends, however it came to be closed."""

import logging
import socket
import time
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lfsr_tf.serving.server.options import Limits
from lfsr_tf.serving.server.rest.http_server import HttpServer

PART = b"x" * 16_384
GET = b"GET /part HTTP/1.1\r\nhost: a\r\n\r\n"
LAST = GET.replace(b"host", b"connection: close\r\nhost")


async def part(request: Request) -> Response:
    """Less than the server's transport holds back before it tells."""
    return Response(PART)


@pytest.fixture
def server() -> Iterator[HttpServer]:
    limits = Limits(idle_seconds=1.0, header_seconds=0.5, body_seconds=0.5, shutdown_seconds=8.0)
    running = HttpServer(Starlette(routes=[Route("/part", part)]), limits)
    yield running
    running.stop()


@pytest.fixture
def deaf(server: HttpServer) -> Iterator[socket.socket]:
    """A client that has asked until its answers fill the kernel's buffers and a little of the transport's."""
    port = server.start("127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", port), timeout=5.0) as client:
        while unsent(server) == 0:
            before = answers(server)
            client.sendall(GET)
            while answers(server) == before:
                time.sleep(1e-3)
        assert unsent(server) < 2 * len(PART)
        yield client


def answers(server: HttpServer) -> int:
    return server._server.server_state.total_requests


def unsent(server: HttpServer) -> int:
    return sum(each.transport.get_write_buffer_size() for each in connections(server))


def connections(server: HttpServer) -> list:
    return [each for each in list(server._server.server_state.connections) if each.transport is not None]


@pytest.mark.parametrize(
    "last", [b"", b"\r\n", LAST, b"\0\r\n\r\n"], ids=["no more", "a blank line", "the last", "no HTTP"]
)
def test_the_rest_of_an_answer_waits_no_longer_than_a_body(
    server: HttpServer, deaf: socket.socket, last: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lfsr_tf")
    deaf.sendall(last)
    deadline = time.monotonic() + 4.0
    while connections(server):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert "its answer is not taken" in caplog.records[-1].message


def test_the_end_of_the_server_does_not_wait_for_it_either(server: HttpServer, deaf: socket.socket) -> None:
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 4.0


def test_answers_that_wait_share_a_budget_in_which_the_latest_has_a_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def much(request: Request) -> Response:
        return Response(b"x" * (32 << 20))

    caplog.set_level(logging.INFO, "lfsr_tf")
    server = HttpServer(Starlette(routes=[Route("/part", much)]), Limits(buffered_bytes=40 << 20))
    address = ("127.0.0.1", server.start("127.0.0.1", 0))
    with socket.create_connection(address, 5.0) as first, socket.create_connection(address, 5.0) as last:
        first.sendall(LAST)
        deadline = time.monotonic() + 10.0
        while unsent(server) == 0:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        last.sendall(LAST)
        while len(left := connections(server)) > 1:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert left[0].client[1] == last.getsockname()[1]
        assert ["its answer is not taken" in record.message for record in caplog.records] == [True]
        received = 0
        while came := last.recv(1 << 20):
            received += len(came)
        assert received > 32 << 20
    server.stop()


def test_who_takes_the_rest_in_time_gets_it(server: HttpServer, deaf: socket.socket) -> None:
    sent, received = answers(server), b""
    deaf.sendall(LAST)
    while came := deaf.recv(1 << 20):
        received += came
    assert received.count(b"HTTP/1.1 200 OK") == sent + 1
    assert received.endswith(PART)
