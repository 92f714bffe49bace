"""Connections without requests, however many, end neither the server nor its log, nor the calls of others."""

import asyncio
import errno
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
from lfsr_tf.serving.server.log_lines import Seldom, one_line
from lfsr_tf.serving.server.model_server import ModelServer
from lfsr_tf.serving.server.open_files import connections_within
from lfsr_tf.serving.server.options import Limits, ModelSource, ServerOptions
from tests.serving.server.factor_model import IMAGE, save_factor_model
from tests.serving.server.server_process import ServerProcess

MOST = 20
# What a client of HTTP/2 says first: its preface and empty settings.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lfsr")
    save_factor_model(folder / "1", 3.0)
    return folder


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


HEAD = b"POST /v1/models/lfsr:predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n"


@pytest.mark.parametrize("said", [b"", HEAD, HEAD + b"\r\n1"], ids=["nothing", "headers", "a part of a body"])
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


def test_a_rest_request_under_way_does_not_make_room(server: ModelServer) -> None:
    body = {"signature_name": "slow", "inputs": (IMAGE * 60).tolist()}
    url = f"http://127.0.0.1:{server.rest_port}/v1/models/lfsr:predict"
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(httpx.post, url, json=body, timeout=20.0)
        while server.service.gate.inside == 0:
            time.sleep(0.005)
        with crowd(server.rest_port, 5 * MOST):
            assert asked.result().status_code == 200


def test_honest_clients_that_come_all_at_once_are_all_answered(base: Path, tmp_path: Path) -> None:
    with ServerProcess(base, tmp_path / "log.txt") as server, ThreadPoolExecutor(64) as pool:
        assert all(pool.map(lambda _: answered(server), range(256)))


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
        for _ in range(2):
            assert predicted(PredictionServiceStub(channel))
            np.testing.assert_array_equal(own.predict("", {"image": IMAGE}, 1)["sr"], 3.0 * IMAGE)
            time.sleep(1.8)
        assert states.count(grpc.ChannelConnectivity.READY) == 2


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
    [(1024, 4096, 1024, 2560), (1024, 1024, 256, 1024), (1024, 2000, 744, 2000), (3000, 4096, 1024, 3000)],
)
def test_a_process_has_files_for_its_connections_or_fewer_connections(
    soft: int, hard: int, connections: int, allowed: int
) -> None:
    command = [sys.executable, "-c", OPEN_FILES, str(soft), str(hard)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(connections), str(allowed)]


def test_a_limit_that_is_high_enough_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    monkeypatch.setattr(resource, "setrlimit", lambda *_: pytest.fail("it was changed"))
    assert connections_within(1024, 2) == 1024


def test_too_many_open_files_are_a_line_a_second_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger, seldom = logging.getLogger("asyncio"), Seldom()
    for each in (one_line, seldom):
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
        for each in (one_line, seldom):
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
