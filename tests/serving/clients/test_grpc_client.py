"""A busy server is asked again over gRPC, however large the request is."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictResponse
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    PredictionServiceServicer,
    add_PredictionServiceServicer_to_server,
)

from lfsr_tf.serving.clients.address import ServerAddress
from lfsr_tf.serving.clients.failure import Failure
from lfsr_tf.serving.clients.grpc_client import GrpcClient


class _BusyOnce(PredictionServiceServicer):
    """Refuses the first request, and answers the next one with the number of its pixels."""

    def __init__(self) -> None:
        self.asked = 0

    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.asked += 1
        if self.asked == 1:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy")
        response = PredictResponse()
        pixels = tf.make_ndarray(request.inputs["image"]).size
        response.outputs["sr"].CopyFrom(tf.make_tensor_proto(pixels))
        return response


class _TooLarge(_BusyOnce):
    """Refuses every request as gRPC's server does where it is too large."""

    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.asked += 1
        context.abort(
            grpc.StatusCode.RESOURCE_EXHAUSTED, "SERVER: Received message larger than max (9 vs. 8)"
        )


@pytest.fixture
def busy() -> Iterator[tuple[_BusyOnce, int]]:
    """The service and its port."""
    yield from _served(_BusyOnce())


@pytest.fixture
def too_large() -> Iterator[tuple[_BusyOnce, int]]:
    yield from _served(_TooLarge())


def _served(service: _BusyOnce) -> Iterator[tuple[_BusyOnce, int]]:
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", -1)])
    add_PredictionServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield service, port
    server.stop(None).wait()


@pytest.mark.parametrize("side", [16, 512, 2048])
def test_a_busy_server_is_asked_again_also_with_a_large_request(
    side: int, busy: tuple[_BusyOnce, int]
) -> None:
    service, port = busy
    client = GrpcClient(ServerAddress("grpc", "127.0.0.1", port), timeout=30.0)
    images = np.zeros((1, side, side, 1), np.float32)
    assert client.predict("serving_default", {"image": images}, 1)["sr"] == side**2
    assert service.asked == 2


def test_a_request_that_is_too_large_is_sent_once(too_large: tuple[_BusyOnce, int]) -> None:
    service, port = too_large
    client = GrpcClient(ServerAddress("grpc", "127.0.0.1", port), timeout=30.0)
    with pytest.raises(Failure, match="larger than max"):
        client.predict("serving_default", {"image": np.zeros((1, 2, 2, 1), np.float32)}, 1)
    assert service.asked == 1
