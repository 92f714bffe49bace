"""What is asked of this machine stays on it, whatever proxy the environment names."""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import grpc
import pytest
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    PredictionServiceServicer,
    add_PredictionServiceServicer_to_server,
)

from lfsr_tf.serving.clients.address import parse_address
from lfsr_tf.serving.clients.failure import Failure
from lfsr_tf.serving.clients.grpc_client import GrpcClient
from lfsr_tf.serving.clients.rest_client import RestClient


@pytest.fixture
def asked_of_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """First bytes of whatever reaches the proxy that the environment names; it answers nothing."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
            monkeypatch.delenv(name, raising=False)
        for name in ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{listening.getsockname()[1]}")

        def proxy() -> None:
            with suppress(OSError):  # closed
                while True:
                    with listening.accept()[0] as connection:
                        seen.append(connection.recv(4096))

        thread = threading.Thread(target=proxy, daemon=True)
        thread.start()
        yield seen
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10.0)


@pytest.fixture
def rest_port() -> Iterator[int]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"model_spec": {"version": "3"}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(10.0)


@pytest.fixture
def grpc_port() -> Iterator[int]:
    class Answer(PredictionServiceServicer):
        def GetModelMetadata(self, request: object, context: object) -> GetModelMetadataResponse:  # noqa: N802
            response = GetModelMetadataResponse()
            response.model_spec.version.value = 3
            return response

    server = grpc.server(ThreadPoolExecutor(1))
    add_PredictionServiceServicer_to_server(Answer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_image_for_this_machine_goes_to_a_proxy_over_rest(
    host: str, rest_port: int, asked_of_proxy: list[bytes]
) -> None:
    assert RestClient(parse_address(f"http://{host}:{rest_port}"), 10.0).version() == 3
    assert asked_of_proxy == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_image_for_this_machine_goes_to_a_proxy_over_grpc(
    host: str, grpc_port: int, asked_of_proxy: list[bytes]
) -> None:
    assert GrpcClient(parse_address(f"grpc://{host}:{grpc_port}"), 10.0).version() == 3
    assert asked_of_proxy == []


def test_other_machines_are_asked_through_the_proxy(asked_of_proxy: list[bytes]) -> None:
    with pytest.raises(Failure):
        RestClient(parse_address("http://192.0.2.1:8501"), 10.0).version()
    with pytest.raises(Failure):
        GrpcClient(parse_address("grpc://192.0.2.1:8500"), 10.0).version()
    assert [words.split()[0] for words in asked_of_proxy[:2]] == [b"GET", b"CONNECT"]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("[::1]", True),
        ("[::ffff:127.0.0.1]", True),
        ("0.0.0.0", True),
        ("LOCALHOST", True),
        ("lfsr.localhost.", True),
        ("localhost.example.org", False),
        ("10.0.0.1", False),
        ("[2001:db8::1]", False),
        ("server", False),
    ],
)
def test_this_machine_is_known_by_its_names(host: str, loopback: bool) -> None:
    assert parse_address(f"http://{host}:8501").loopback is loopback
