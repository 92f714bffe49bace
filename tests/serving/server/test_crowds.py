"""Connections without requests, however many, end neither the server nor its log, nor the calls of others."""

import asyncio
import errno
import json
import logging
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from lfsr_tf.serving.clients.address import parse_address
from lfsr_tf.serving.clients.grpc_client import GrpcClient
from lfsr_tf.serving.predict_request import predict_request
from lfsr_tf.serving.server.log_lines import Seldom, in_one_line
from lfsr_tf.serving.server.model_server import ModelServer
from lfsr_tf.serving.server.open_files import connections_within
from lfsr_tf.serving.server.options import Limits, ModelSource, ServerOptions
from tests.serving.server.factor_model import IMAGE
from tests.serving.server.server_process import ServerProcess

MOST = 20
READY = grpc.ChannelConnectivity.READY
# What a client of HTTP/2 says first: its preface and empty settings.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)


@pytest.fixture
def server(base: Path) -> Iterator[ModelServer]:
    """Of few connections, which may be idle for a second."""
    limits = Limits(connections=MOST, idle_seconds=1.0)
    options = ServerOptions((ModelSource("lfsr", base),), grpc_port=0, rest_port=0, limits=limits)
    with ModelServer(options) as running:
        yield running


@contextmanager
def crowd(port: int, count: int, said: bytes = b"") -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        clients = [socket.create_connection(("127.0.0.1", port), 5.0) for _ in range(count)]
        for client in clients:
            stack.enter_context(client)
            client.sendall(said)
        yield clients


def is_open(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        while client.recv(65_536):
            pass
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def answered(server: ModelServer | ServerProcess) -> bool:
    return httpx.get(f"http://127.0.0.1:{server.rest_port}/v1/models/lfsr", timeout=5.0).status_code == 200


def predicted(stub: PredictionServiceStub) -> bool:
    return bool(stub.Predict(predict_request("lfsr", "", {"image": IMAGE}), timeout=5.0).outputs)


# Of a request, without the blank line at its end.
HEAD = b"POST /v1/models/lfsr:predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n"


@pytest.mark.parametrize("said", [b"", HEAD], ids=["nothing", "a part of the headers"])
def test_rest_connections_without_a_whole_request_make_room_the_oldest_first(
    said: bytes, server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lfsr_tf")
    with crowd(server.rest_port, MOST, said) as first, crowd(server.rest_port, 5 * MOST, said) as others:
        assert all(answered(server) for _ in range(5))
        assert not any(map(is_open, first))
        assert sum(map(is_open, others)) >= MOST - 5
    lines = [record.message for record in caplog.records if f"more than {MOST}" in record.message]
    assert len(lines) <= 3


def slow_request(count: int = 60) -> bytes:
    body = json.dumps({"signature_name": "slow", "inputs": (IMAGE * count).tolist()}).encode()
    return HEAD.replace(b"length: 9", b"length: %d" % len(body)) + b"\r\n" + body


@pytest.mark.parametrize("more", [b"", HEAD + b"\r\n1"], ids=["alone", "and half of the next one"])
def test_a_rest_request_under_way_does_not_make_room(more: bytes, server: ModelServer) -> None:
    with socket.create_connection(("127.0.0.1", server.rest_port), 20.0) as client:
        client.sendall(slow_request() + more)
        deadline = time.monotonic() + 10.0
        while server.service.gate.inside == 0:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        with crowd(server.rest_port, 5 * MOST):
            assert answered(server)
            assert server.service.gate.inside == 1
            assert client.recv(65_536).startswith(b"HTTP/1.1 200")


def test_slow_uploads_and_idle_connections_have_half_of_the_places_each(server: ModelServer) -> None:
    half = MOST // 2
    with crowd(server.rest_port, MOST, HEAD + b"\r\n1") as uploads:
        time.sleep(0.5)
        with crowd(server.rest_port, 5 * MOST) as idle:
            assert all(answered(server) for _ in range(5))
            assert [is_open(each) for each in uploads] == [False] * half + [True] * half
            assert half - 5 <= sum(map(is_open, idle[-half:])) <= half


def test_connections_without_a_request_make_room_before_an_upload_under_way(server: ModelServer) -> None:
    body = json.dumps({"inputs": IMAGE.tolist()}).encode()
    with socket.create_connection(("127.0.0.1", server.rest_port), 20.0) as client:
        client.sendall(HEAD.replace(b"length: 9", b"length: %d" % len(body)) + b"\r\n" + body[:9])
        time.sleep(0.2)
        with crowd(server.rest_port, 5 * MOST):
            assert answered(server)
            client.sendall(body[9:])
            assert client.recv(65_536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("said", [b"", HEAD + b"\r\n1"], ids=["idle", "slow uploads"])
def test_honest_clients_are_answered_where_others_have_all_the_connections(
    said: bytes, server: ModelServer
) -> None:
    with crowd(server.rest_port, MOST, said) as others, ThreadPoolExecutor(MOST // 4) as pool:
        time.sleep(0.5)
        assert all(pool.map(lambda _: answered(server), range(5 * MOST)))
        assert not all(map(is_open, others))


@pytest.mark.parametrize("said", [b"", PREFACE], ids=["nothing", "a preface"])
def test_grpc_connections_without_calls_are_few_and_end(said: bytes, base: Path) -> None:
    limits = Limits(connections=MOST, idle_seconds=1.0, header_seconds=1.0)
    options = ServerOptions((ModelSource("lfsr", base),), grpc_port=0, rest_port=0, limits=limits)
    with ModelServer(options) as server, crowd(server.grpc_port, 3 * MOST, said) as clients:
        time.sleep(0.3)
        assert sum(map(is_open, clients)) <= MOST
        assert answered(server)
        deadline = time.monotonic() + 10.0
        while any(map(is_open, clients)):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            assert predicted(PredictionServiceStub(channel))


def test_clients_of_grpc_do_not_notice_that_their_idle_connection_was_closed(server: ModelServer) -> None:
    own = GrpcClient(parse_address(f"grpc://127.0.0.1:{server.grpc_port}/lfsr"), 5.0)
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        states: list[grpc.ChannelConnectivity] = []
        channel.subscribe(states.append)
        for count in (1, 2):
            assert predicted(PredictionServiceStub(channel))
            np.testing.assert_array_equal(own.predict("", {"image": IMAGE}, 1)["sr"], 3.0 * IMAGE)
            deadline = time.monotonic() + 10.0
            while states.count(READY) < count or states[-1] != grpc.ChannelConnectivity.IDLE:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            time.sleep(0.3)  # the other one's


def test_a_call_that_lasts_keeps_its_connection(server: ModelServer) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        watch = HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20.0)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        time.sleep(2.5)
        assert watch.is_active()


OPEN_FILES = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
from lfsr_tf.serving.server.open_files import connections_within
print(connections_within(1024, 2), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "allowed"),
    [
        (1024, 4096, 1024, 2560),
        (1024, 1024, 256, 1024),
        (1024, 2000, 744, 2000),
        (3000, 4096, 1024, 3000),
        (256, 512, 128, 512),
    ],
)
def test_a_process_has_files_for_its_connections_or_fewer_connections(
    soft: int, hard: int, connections: int, allowed: int
) -> None:
    command = [sys.executable, "-c", OPEN_FILES, str(soft), str(hard)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(connections), str(allowed)]
    assert done.stderr.count("\n") == (connections < 1024)
    assert (f"{connections} connections a port" in done.stderr) is (connections < 1024)


@pytest.mark.parametrize("error", [ValueError("not allowed"), PermissionError("not allowed")])
def test_a_limit_that_may_not_be_raised_is_lived_with(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object) -> None:
        raise error

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", refused)
    assert connections_within(1024, 2) == 256
    assert [record.message for record in caplog.records] == [
        "256 connections a port instead of 1024: the process may have 1024 open files"
    ]
    assert connections_within(20, 2) == 20


def test_a_server_that_is_not_started_leaves_the_process_as_it_is(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: pytest.fail("it was changed"))
    ModelServer(ServerOptions((ModelSource("lfsr", base),), grpc_port=0, rest_port=0))


def test_a_limit_that_is_high_enough_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    monkeypatch.setattr(resource, "setrlimit", lambda *_: pytest.fail("it was changed"))
    assert connections_within(1024, 2) == 1024


def test_too_many_open_files_are_a_line_a_second_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger, seldom = logging.getLogger("asyncio"), Seldom()
    for each in (in_one_line, seldom):
        logger.addFilter(each)
    loop = asyncio.new_event_loop()
    error = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    complaint = {"message": "socket.accept() out of system resource", "exception": error, "socket": "s"}
    try:
        for _ in range(1000):
            loop.call_exception_handler(complaint)
        loop.call_exception_handler({**complaint, "socket": "another"})
    finally:
        loop.close()
        for each in (in_one_line, seldom):
            logger.removeFilter(each)
    assert len(caplog.records) == 2
    assert "out of system resource" in caplog.records[0].message
    assert "Too many open files" in caplog.records[0].message
    assert not [record for record in caplog.records if record.exc_info or "\n" in record.message]


def test_a_line_is_let_through_again_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now, seldom = [100.0], Seldom()
    monkeypatch.setattr("lfsr_tf.serving.server.log_lines.time.monotonic", lambda: now[0])

    def passes(text: str) -> bool:
        return seldom.filter(logging.makeLogRecord({"msg": "%s", "args": (text,)}))

    assert [passes("a"), passes("a"), passes("b"), passes("b")] == [True, False, True, False]
    now[0] += 1.1
    assert passes("b")
