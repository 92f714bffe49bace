"""Calls that send nothing, and messages and answers that wait, take neither all threads nor all memory."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.predict_pb2 import PredictResponse
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from lfsr_tf.serving.predict_request import predict_request
from lfsr_tf.serving.server import messages
from lfsr_tf.serving.server.model_server import ModelServer
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.server.options import Limits, ModelSource, ServerOptions
from lfsr_tf.serving.server.rpc import prediction
from tests.serving.server.factor_model import IMAGE

PREDICT, WATCH = "/tensorflow.serving.PredictionService/Predict", "/grpc.health.v1.Health/Watch"
SERVICE = "tensorflow.serving.ModelService"
LARGE = np.ones((1, 160, 160, 1), np.float32)
MEBIBYTE = np.ones((1, 512, 512, 1), np.float32)
Serve = Callable[..., ModelServer]


@pytest.fixture
def serve(base: Path) -> Iterator[Serve]:
    """Starts a server with some limits; ten threads for gRPC."""
    started = []

    def start(**limits: float) -> ModelServer:
        chosen = Limits(**{"running": 1, "waiting": 1, "shutdown_seconds": 1.0, **limits})
        options = ServerOptions((ModelSource("lfsr", base),), grpc_port=0, rest_port=0, limits=chosen)
        started.append(ModelServer(options))
        started[-1].start()
        return started[-1]

    yield start
    for server in started:
        server.stop()


@contextmanager
def connection(server: ModelServer) -> Iterator[grpc.Channel]:
    """One of its own: gRPC would share one between channels."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
    # No more than 64 KiB of an answer come before it is read.
    options.append(("grpc.http2.bdp_probe", 0))
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", options) as channel:
        yield channel


def silent(channel: grpc.Channel, method: str) -> grpc.Future:
    """A call that sends its headers and no message."""
    return channel.stream_unary(method).future(iter(threading.Event().wait, None))


def healthy(channel: grpc.Channel) -> bool:
    answer = HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=3.0)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def predicted(channel: grpc.Channel, image: np.ndarray = IMAGE) -> str:
    """Status of a call."""
    try:
        PredictionServiceStub(channel).Predict(predict_request("lfsr", "", {"image": image}), timeout=10.0)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


@pytest.mark.parametrize("method", [PREDICT, WATCH])
def test_the_silent_calls_of_one_connection_leave_threads_to_the_others(method: str, serve: Serve) -> None:
    server = serve()
    with connection(server) as first, connection(server) as second:
        calls = [silent(first, method) for _ in range(30)]
        time.sleep(0.5)
        assert healthy(second)
        assert predicted(second) == "OK"
        assert not any(call.done() for call in calls)
        for call in calls:
            call.cancel()


@pytest.mark.parametrize("method", [PREDICT, WATCH])
def test_a_call_whose_message_does_not_come_is_cut(method: str, serve: Serve) -> None:
    server = serve(body_seconds=0.4)
    with connection(server) as channel:
        call = silent(channel, method)
        assert isinstance(call.exception(5.0), grpc.RpcError)
        assert call.code() == grpc.StatusCode.CANCELLED
        assert healthy(channel)


def test_what_has_sent_its_message_is_not_cut(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server, predict = serve(body_seconds=0.2), Servable.predict

    def slowly(*arguments: object) -> dict[str, np.ndarray]:
        time.sleep(1.0)
        return predict(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Servable, "predict", slowly)
    with connection(server) as channel:
        watch = HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20.0)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        assert predicted(channel) == "OK"
        assert watch.is_active()


def test_a_call_without_a_message_is_refused(serve: Serve) -> None:
    with connection(serve()) as channel, pytest.raises(grpc.RpcError) as refusal:
        channel.stream_unary(PREDICT)(iter([]), timeout=5.0)
    assert refusal.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "requires exactly one request message" in refusal.value.details()


def test_messages_that_wait_share_a_budget(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server, predict, free = (
        serve(buffered_bytes=180_000, request_bytes=110_000),
        Servable.predict,
        threading.Event(),
    )

    def held(*arguments: object) -> dict[str, np.ndarray]:
        assert free.wait(10.0)
        return predict(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Servable, "predict", held)
    with connection(server) as channel, ThreadPoolExecutor(2) as pool:
        first = pool.submit(predicted, channel, LARGE)
        while server.service.gate.inside < 1:
            time.sleep(0.01)
        assert predicted(channel, LARGE) == "RESOURCE_EXHAUSTED"
        assert server.service.gate.inside == 1
        small = pool.submit(predicted, channel)
        free.set()
        assert (first.result(5.0), small.result(5.0)) == ("OK", "OK")
        assert [predicted(channel, LARGE) for _ in range(3)] == ["OK"] * 3


def test_states_and_health_are_told_however_many_bytes_are_held(serve: Serve) -> None:
    server = serve(buffered_bytes=110_000, request_bytes=110_000)
    with connection(server) as channel, server._grpc._calls._budget.held(110_000):
        assert healthy(channel)
        assert predicted(channel) == "OK"
        states = ModelServiceStub(channel).GetModelStatus(
            GetModelStatusRequest(model_spec=ModelSpec(name="lfsr")), timeout=5.0
        )
        assert states.model_version_status[0].version == 1
        assert predicted(channel, LARGE) == "RESOURCE_EXHAUSTED"


def test_a_service_that_is_not_known_is_watched_without_a_trace(serve: Serve) -> None:
    server = serve()
    known = set(server._grpc._health._send_response_callbacks)
    with connection(server) as channel:
        for number in range(10):
            name = f"{number}{'x' * 60_000}"
            watch = HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=name), timeout=10.0)
            assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
            assert watch.is_active()
            watch.cancel()
        watch = HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=10.0)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    assert set(server._grpc._health._send_response_callbacks) <= {*known, SERVICE}


def untaken(channel: grpc.Channel, image: np.ndarray = MEBIBYTE) -> grpc.Call:
    """A call whose answer stands ready, and is not read."""
    call = channel.unary_stream(PREDICT)(
        predict_request("lfsr", "", {"image": image}).SerializeToString(), timeout=30.0
    )
    call.initial_metadata()
    return call


def taken(call: grpc.Call) -> np.ndarray:
    return tf.make_ndarray(PredictResponse.FromString(next(call)).outputs["sr"])


def cut(call: grpc.Call) -> bool:
    """Whether the server has ended a call, whose answer is read only now."""
    with pytest.raises(grpc.RpcError):
        next(call)
    return bool(call.code() == grpc.StatusCode.CANCELLED)


def test_answers_that_are_not_taken_share_a_budget_and_the_longest_held_are_cut(serve: Serve) -> None:
    server = serve(buffered_bytes=5 << 19)
    with connection(server) as slow, connection(server) as quick:
        calls = [untaken(slow) for _ in range(4)]
        assert [predicted(quick) for _ in range(10)] == ["OK"] * 10
        assert [cut(call) for call in calls[:2]] == [True, True]
        for call in calls[2:]:
            np.testing.assert_array_equal(taken(call), 3.0 * MEBIBYTE)
        assert predicted(quick, MEBIBYTE) == "OK"


def test_an_answer_alone_fits_into_any_budget(serve: Serve) -> None:
    with connection(serve(buffered_bytes=1000)) as channel:
        assert predicted(channel, MEBIBYTE) == "OK"


def test_an_answer_that_is_not_taken_in_time_is_cut(serve: Serve) -> None:
    with connection(serve(body_seconds=0.2)) as channel:
        call = untaken(channel)
        time.sleep(1.0)
        assert cut(call)
        assert predicted(channel) == "OK"


def test_a_client_that_is_slow_has_the_time_for_each_mebibyte(serve: Serve) -> None:
    large = np.ones((7, 512, 512, 1), np.float32)
    with connection(serve(body_seconds=0.5)) as channel:
        call = untaken(channel, large)
        time.sleep(1.5)
        np.testing.assert_array_equal(taken(call), 3.0 * large)


def test_the_largest_request_fits_into_any_budget(serve: Serve) -> None:
    with connection(serve(buffered_bytes=1000, request_bytes=110_000)) as channel:
        assert predicted(channel, LARGE) == "OK"


def test_no_array_is_made_for_inputs_that_the_signature_does_not_have(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    monkeypatch.setattr(messages, "arrays_of", lambda *given: made.append(given))
    request = predict_request("lfsr", "", {f"x{number}": IMAGE for number in range(30)})
    with connection(serve()) as channel, pytest.raises(grpc.RpcError) as refusal:
        PredictionServiceStub(channel).Predict(request, timeout=10.0)
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "input size does not match signature: 30!=1" in refusal.value.details()
    assert made == []


def test_an_error_that_grpc_itself_logs_is_one_line(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: object) -> str:
        raise ZeroDivisionError("in\ntwo lines")

    monkeypatch.setattr(prediction, "_name_of", fails)
    caplog.set_level(logging.WARNING)
    with connection(serve()) as channel:
        assert predicted(channel) == "UNKNOWN"
    (record,) = caplog.records
    assert record.exc_info is None
    assert record.message.endswith("(ZeroDivisionError: in two lines)")
    assert "\n" not in record.message
