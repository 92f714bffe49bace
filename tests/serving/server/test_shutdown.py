"""The end of a server: what is under way is answered, the rest refused, and those who watch are told."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from lfsr_tf.errors import LfsrError, ModelError
from lfsr_tf.serving.server.model_server import ModelServer
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.server.options import Limits, ModelSource, ServerOptions
from tests.serving.server.factor_model import IMAGE, save_factor_model

BODY = {"inputs": IMAGE.tolist()}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lfsr")
    save_factor_model(folder / "1", 3.0)
    return folder


def options(base: Path, **ports: int) -> ServerOptions:
    limits = Limits(shutdown_seconds=5.0)
    return ServerOptions(
        (ModelSource("lfsr", base),), **{"grpc_port": 0, "rest_port": 0, **ports}, limits=limits
    )


@pytest.fixture
def server(base: Path) -> Iterator[ModelServer]:
    with ModelServer(options(base)) as running:
        yield running


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Predictions take half a second; the event is set once one has begun."""
    begun, predict = threading.Event(), Servable.predict

    def slowly(servable: Servable, *arguments: object) -> dict[str, np.ndarray]:
        begun.set()
        time.sleep(0.5)
        return predict(servable, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Servable, "predict", slowly)
    return begun


def over_rest(server: ModelServer) -> float:
    response = httpx.post(f"http://127.0.0.1:{server.rest_port}/v1/models/lfsr:predict", json=BODY)
    response.raise_for_status()
    return float(np.max(response.json()["outputs"]))


def over_grpc(server: ModelServer) -> float:
    request = PredictRequest()
    request.model_spec.name = "lfsr"
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(IMAGE))
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        response = PredictionServiceStub(channel).Predict(request, timeout=10.0)
    return float(tf.make_ndarray(response.outputs["sr"]).max())


@pytest.mark.parametrize("ask", [over_rest, over_grpc])
def test_what_is_under_way_is_answered_and_what_is_new_refused(
    ask: object, server: ModelServer, slow: threading.Event
) -> None:
    with ThreadPoolExecutor(2) as pool:
        under_way = pool.submit(ask, server)  # type: ignore[arg-type]
        assert slow.wait(5.0)
        ended = pool.submit(server.stop)
        time.sleep(0.25)  # uvicorn looks ten times a second whether it should end
        with pytest.raises(httpx.ConnectError):
            over_rest(server)
        with pytest.raises(grpc.RpcError) as refusal:
            over_grpc(server)
        assert refusal.value.code() == grpc.StatusCode.UNAVAILABLE
        assert under_way.result(5.0) == 3.0
        ended.result(5.0)
    assert not server.service.store.models["lfsr"].available


def test_those_who_watch_the_health_are_told_and_do_not_hold_the_end_up(server: ModelServer) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        watch = HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20.0)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 2.0
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.RpcError):
            next(watch)


def test_a_connection_that_is_idle_does_not_hold_the_end_up(server: ModelServer) -> None:
    with httpx.Client() as client:
        client.get(f"http://127.0.0.1:{server.rest_port}/v1/models/lfsr").raise_for_status()
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 2.0


@pytest.mark.parametrize(
    ("ask", "error"), [(over_grpc, grpc.RpcError), (over_rest, httpx.HTTPError)], ids=["gRPC", "REST"]
)
def test_a_request_that_does_not_end_is_not_waited_for_longer_than_said(
    ask: Callable[[ModelServer], float],
    error: type[Exception],
    base: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release, begun = threading.Event(), threading.Event()

    def never(*_: object) -> None:
        begun.set()
        release.wait(20.0)

    monkeypatch.setattr(Servable, "predict", never)
    server = ModelServer(
        ServerOptions(
            (ModelSource("lfsr", base),), grpc_port=0, rest_port=0, limits=Limits(shutdown_seconds=1.0)
        )
    )
    server.start()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, server)
        assert begun.wait(5.0)
        started = time.monotonic()
        server.stop()
        assert 0.9 < time.monotonic() - started < 4.0
        release.set()
        assert isinstance(asked.exception(5.0), error)


def test_the_end_may_be_asked_for_twice(server: ModelServer) -> None:
    server.stop()
    server.stop()


@pytest.mark.parametrize("taken", ["grpc_port", "rest_port"])
def test_a_port_that_is_taken_is_one_sentence_and_leaves_nothing_open(
    taken: str, server: ModelServer, base: Path
) -> None:
    port = getattr(server, taken)
    second = ModelServer(options(base, **{taken: port}))
    with pytest.raises(LfsrError, match=rf"Cannot listen on 127\.0\.0\.1:{port} for (gRPC|REST)") as error:
        second.start()
    assert "\n" not in str(error.value)
    assert not second.service.store.models["lfsr"].available
    for opened in {"grpc_port", "rest_port"} - {taken}:
        if number := getattr(second, opened):
            with pytest.raises(httpx.ConnectError):
                httpx.get(f"http://127.0.0.1:{number}/")
    assert over_rest(server) == over_grpc(server) == 3.0


def test_a_server_without_a_model_opens_no_port(base: Path, tmp_path: Path) -> None:
    sources = (ModelSource("good", base), ModelSource("lfsr", tmp_path))
    server = ModelServer(ServerOptions(sources, grpc_port=0, rest_port=0))
    with pytest.raises(ModelError, match="Expected a version of lfsr"):
        server.start()
    assert (server.rest_port, server.grpc_port) == (0, 0)
    assert not server.service.store.models["good"].available
