"""Asking a model over TensorFlow Serving's gRPC API."""

from __future__ import annotations

import json
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from lfsr_tf.serving.clients.address import ServerAddress
from lfsr_tf.serving.clients.failure import Failure
from lfsr_tf.serving.signatures.signature import Arrays
from lfsr_tf.serving.warmup import predict_request

# gRPC itself waits and asks again where a server is just starting, or has too much to do.
_RETRY = {
    "maxAttempts": 5,
    "initialBackoff": "0.5s",
    "maxBackoff": "8s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["RESOURCE_EXHAUSTED"],
}
_OPTIONS = [
    # Answers of more than 4 MiB are refused by default: 512 x 512 to 1,024 x 1,024 pixels.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.service_config", json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": _RETRY}]})),
]


class GrpcClient:
    """One model on one server; calls may come from several threads."""

    def __init__(self, address: ServerAddress, timeout: float) -> None:
        """Name the server; nothing is sent yet.

        Args:
            address: Of the model.
            timeout: Longest time of one answer, in seconds.
        """
        self._address, self._timeout = address, timeout
        self._stub = PredictionServiceStub(grpc.insecure_channel(address.target, options=_OPTIONS))

    def predict(self, signature: str, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Run a signature.

        Args:
            signature: Its name.
            inputs: By their names.

        Raises:
            Failure: The server cannot be reached, or refuses.
        """
        request = predict_request(self._address.model, signature, inputs)
        if self._address.version is not None:
            request.model_spec.version.value = self._address.version
        try:
            response = self._stub.Predict(request, timeout=self._timeout)
        except grpc.RpcError as error:
            code, details = error.code(), (error.details() or "").splitlines() or ["no reason"]
            raise Failure(code.name, details[0], unreachable=code == grpc.StatusCode.UNAVAILABLE) from error
        return {name: np.asarray(tf.make_ndarray(value)) for name, value in response.outputs.items()}
