"""What nobody waits for any more is not run, and what runs for nobody is broken off."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from lfsr_tf.serving.predict_request import predict_request
from lfsr_tf.serving.server.model_server import ModelServer
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.server.options import Limits, ModelSource, ServerOptions
from tests.serving.server.factor_model import IMAGE, save_factor_model
from tests.serving.server.test_faults import until

HOURS = IMAGE * np.float32(1e7)
"""What the signature `slow` makes of it takes that long."""

Leave = Callable[[], None]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ModelServer]:
    """One request runs, four wait."""
    save_factor_model(tmp_path / "1", 3.0)
    limits = Limits(running=1, waiting=4, shutdown_seconds=2.0)
    options = ServerOptions((ModelSource("lfsr", tmp_path),), grpc_port=0, rest_port=0, limits=limits)
    with ModelServer(options) as running:
        yield running


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Signatures that were run, in their order."""
    found, predict = [], Servable.predict

    def counted(servable: Servable, name: str, *arguments: object) -> dict[str, np.ndarray]:
        found.append(name)
        return predict(servable, name, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Servable, "predict", counted)
    return found


@contextmanager
def over_grpc(server: ModelServer, timeout: float | None = None) -> Iterator[Leave]:
    request = predict_request("lfsr", "slow", {"image": HOURS})
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        call = PredictionServiceStub(channel).Predict.future(request, timeout=timeout)

        def expire() -> None:
            assert call.exception(20.0).code() == grpc.StatusCode.DEADLINE_EXCEEDED

        yield expire if timeout is not None else call.cancel
        call.cancel()


@contextmanager
def with_a_deadline(server: ModelServer) -> Iterator[Leave]:
    with over_grpc(server, timeout=5.0) as expire:
        yield expire


@contextmanager
def over_rest(server: ModelServer) -> Iterator[Leave]:
    body = json.dumps({"signature_name": "slow", "inputs": HOURS.tolist()}).encode()
    raw = socket.create_connection(("127.0.0.1", server.rest_port))
    head = f"POST /v1/models/lfsr:predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
    with raw:
        raw.sendall(head.encode() + body)
        yield raw.close


def counted(server: ModelServer, status: str) -> bool:
    """Whether one request has ended so."""
    name = f':tensorflow:serving:request_count{{model_name="lfsr",status="{status}"}} 1.0'
    return name in server.service.metrics.page().decode()


def answers(server: ModelServer) -> bool:
    url = f"http://127.0.0.1:{server.rest_port}/v1/models/lfsr:predict"
    response = httpx.post(url, json={"inputs": IMAGE.tolist()}, timeout=10.0)
    return response.status_code == 200 and float(np.max(response.json()["outputs"])) == 3.0


WAYS = [
    pytest.param(over_grpc, "CANCELLED", id="gRPC"),
    pytest.param(with_a_deadline, "DEADLINE_EXCEEDED", id="deadline"),
    pytest.param(over_rest, "CANCELLED", id="REST"),
]


@pytest.mark.parametrize(("ask", "status"), WAYS)
def test_a_run_that_nobody_waits_for_is_broken_off(
    ask: Callable[..., Iterator[Leave]], status: str, server: ModelServer, runs: list[str]
) -> None:
    with ask(server) as leave:
        until(lambda: "slow" in runs)
        time.sleep(0.3)  # in the midst of it
        leave()
        until(lambda: server.service.gate.inside == 0)
        until(lambda: counted(server, status))
        assert answers(server)


@pytest.mark.parametrize(("ask", "status"), WAYS)
def test_a_request_that_waits_for_nobody_gives_its_place_up_and_is_never_run(
    ask: Callable[..., Iterator[Leave]], status: str, server: ModelServer, runs: list[str]
) -> None:
    gate = server.service.gate
    with gate.turn(None), ask(server) as leave:
        until(lambda: gate.inside == 2)
        leave()
        until(lambda: gate.inside == 1)
        until(lambda: counted(server, status))
    assert answers(server)
    assert "slow" not in runs


def test_the_end_of_a_server_breaks_off_what_it_does_not_wait_for(
    server: ModelServer, runs: list[str]
) -> None:
    with over_grpc(server), ThreadPoolExecutor(1) as pool:
        until(lambda: "slow" in runs)
        time.sleep(0.3)
        pool.submit(server.stop).result(15.0)
        until(lambda: server.service.gate.inside == 0)
