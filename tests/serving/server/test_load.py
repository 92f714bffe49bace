"""Under load and when something fails a client is told in one sentence, and the log in one line."""

import logging
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import grpc
import httpx
import numpy as np
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from lfsr_tf.serving.predict_request import predict_request
from lfsr_tf.serving.server.model_server import ModelServer
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.server.options import Limits, ModelSource, ServerOptions
from tests.serving.server.factor_model import IMAGE, save_factor_model

BODY = {"inputs": IMAGE.tolist()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """One request runs, one waits."""
    base = tmp_path_factory.mktemp("lfsr")
    save_factor_model(base / "1", 3.0)
    limits = Limits(running=1, waiting=1, rest_seconds=0.3)
    options = ServerOptions((ModelSource("lfsr", base),), grpc_port=0, rest_port=0, limits=limits)
    with ModelServer(options) as running:
        yield running


@pytest.fixture
def channel(server: ModelServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as opened:
        yield opened


def over_rest(server: ModelServer, path: str = "lfsr:predict") -> tuple[int, str]:
    """Status, and what is wrong."""
    response = httpx.post(f"http://127.0.0.1:{server.rest_port}/v1/models/{path}", json=BODY, timeout=10.0)
    return response.status_code, response.json().get("error", "")


def over_grpc(channel: grpc.Channel, timeout: float | None = 10.0) -> str:
    """Status of a call."""
    try:
        PredictionServiceStub(channel).Predict(predict_request("lfsr", "", {"image": IMAGE}), timeout=timeout)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


class Blocked:
    """A prediction that holds its turn until it is let go."""

    def __init__(self) -> None:
        self.begun, self.free = threading.Event(), threading.Event()
        self._predict = Servable.predict

    def __call__(self, *arguments: object) -> dict[str, np.ndarray]:
        self.begun.set()
        assert self.free.wait(10.0)
        return self._predict(*arguments)  # type: ignore[arg-type]


@pytest.fixture
def blocked(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Blocked]:
    """Somebody has the turn."""
    block = Blocked()
    monkeypatch.setattr(Servable, "predict", lambda *arguments: block(*arguments))
    with ThreadPoolExecutor(1) as pool:
        first: Future[tuple[int, str]] = pool.submit(over_rest, server)
        assert block.begun.wait(5.0)
        yield block
        block.free.set()
        assert first.result(5.0) == (200, "")


def test_one_waits_no_longer_than_it_may_and_one_more_is_refused_at_once(
    blocked: Blocked, server: ModelServer, channel: grpc.Channel
) -> None:
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(over_rest, server)
        while server.service.gate.inside < 2:
            pass
        status, error = over_rest(server)
        assert (status, error[:34]) == (429, "Expected at most 2 requests at onc")
        assert over_grpc(channel) == "RESOURCE_EXHAUSTED"
        assert second.result(5.0) == (504, "No turn for this request within 0.3 seconds.")
    assert over_grpc(channel, timeout=0.1) == "DEADLINE_EXCEEDED"


def test_a_call_without_a_deadline_waits_for_its_turn(blocked: Blocked, channel: grpc.Channel) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(over_grpc, channel, None)
        with pytest.raises(TimeoutError):
            waiting.result(0.3)
        blocked.free.set()
        assert waiting.result(5.0) == "OK"


def test_questions_about_the_model_are_answered_while_it_works(
    blocked: Blocked, server: ModelServer, channel: grpc.Channel
) -> None:
    url = f"http://127.0.0.1:{server.rest_port}"
    for path in ("/v1/models/lfsr", "/v1/models/lfsr/metadata", "/monitoring/prometheus/metrics"):
        assert httpx.get(url + path, timeout=2.0).status_code == 200
    status = GetModelStatusRequest()
    status.model_spec.name = "lfsr"
    assert ModelServiceStub(channel).GetModelStatus(status, timeout=2.0).model_version_status
    health = HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2.0)
    assert health.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize(
    ("path", "status", "line"),
    [
        ("x:predict", 404, r"REST Predict of 'x' refused: NOT_FOUND: Servable not found for .*Latest\(x\)"),
        (
            "lfsr/labels/a%0Ab:predict",
            400,
            r"REST Predict of 'lfsr' refused: INVALID_ARGUMENT: .* label: a b",
        ),
        (
            "lfsr:classify",
            400,
            r"REST Classify of 'lfsr' refused: INVALID_ARGUMENT: .*'examples' is expected.*",
        ),
        ("%0A:predict", 404, r"REST Predict of '\\n' refused: NOT_FOUND: .*Latest\( \)"),
        ("lfsr:x", 400, r"REST request refused: INVALID_ARGUMENT: Malformed request: POST .*"),
    ],
)
def test_a_refusal_is_one_line_of_the_log(
    path: str, status: int, line: str, server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lfsr_tf")
    assert over_rest(server, path)[0] == status
    (record,) = caplog.records
    assert re.fullmatch(line, record.message)
    assert (record.levelno, record.exc_info) == (logging.INFO, None)


@pytest.mark.parametrize("call", ["REST", "GRPC"])
def test_a_failure_is_one_line_of_the_log_and_tells_clients_nothing_of_the_inside(
    call: str,
    server: ModelServer,
    channel: grpc.Channel,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("a secret\nin two lines")

    monkeypatch.setattr(Servable, "predict", fails)
    caplog.set_level(logging.INFO, "lfsr_tf")
    if call == "REST":
        assert over_rest(server) == (500, "ZeroDivisionError in the server.")
    else:
        assert over_grpc(channel) == "INTERNAL"
    (record,) = caplog.records
    assert record.message == f"{call} Predict of 'lfsr' failed: ZeroDivisionError: a secret in two lines"
    assert (record.levelno, record.exc_info) == (logging.ERROR, None)


def test_a_message_that_cannot_be_read_is_one_line_of_the_log(
    channel: grpc.Channel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(grpc.RpcError) as refusal:
        channel.unary_unary("/tensorflow.serving.PredictionService/Predict")(b"\xff", timeout=5.0)
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    (record,) = caplog.records
    assert "Expected a message of /tensorflow.serving.PredictionService/Predict." in record.message
    assert record.exc_info is None
