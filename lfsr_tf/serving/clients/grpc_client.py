"""Asking a model over TensorFlow Serving's gRPC API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from lfsr_tf.serving.clients.address import ServerAddress
from lfsr_tf.serving.clients.failure import Failure
from lfsr_tf.serving.clients.retry import until_free
from lfsr_tf.serving.predict_request import predict_request
from lfsr_tf.serving.signatures.signature import Arrays

_OPTIONS = [
    # Answers of more than 4 MiB are refused by default: 512 x 512 to 1,024 x 1,024 pixels.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]


class GrpcClient:
    """One model on one server; calls may come from several threads."""

    def __init__(self, address: ServerAddress, timeout: float) -> None:
        """Name the server; nothing is sent yet.

        Args:
            address: Of the model; on another machine it is asked through the proxy of the environment.
            timeout: Longest time of one answer, in seconds.
        """
        self._address, self._timeout = address, timeout
        options = [*_OPTIONS, ("grpc.enable_http_proxy", int(not address.loopback))]
        self._stub = PredictionServiceStub(grpc.insecure_channel(address.target, options=options))

    def version(self) -> int:
        """Of the model: the one that the address names, or the newest that answers now.

        Raises:
            Failure: The server cannot be reached, refuses, or does not say.
        """
        if self._address.version is not None:
            return self._address.version
        request = GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = self._address.model
        spec = self._answer(self._stub.GetModelMetadata, request).model_spec
        if not spec.HasField("version"):
            raise Failure("UNKNOWN", "an answer that does not tell the model's version")
        return int(spec.version.value)

    def predict(self, signature: str, inputs: Arrays, version: int) -> dict[str, NDArray[Any]]:
        """Run a signature.

        Args:
            signature: Its name.
            inputs: By their names.
            version: Of the model.

        Raises:
            Failure: The server cannot be reached, or refuses.
        """
        request = predict_request(self._address.model, signature, inputs)
        request.model_spec.version.value = version
        response = self._answer(self._stub.Predict, request)
        return {name: np.asarray(tf.make_ndarray(value)) for name, value in response.outputs.items()}

    # gRPC's own way of asking again holds for requests of up to 256 KiB alone.
    @until_free
    def _answer(self, call: Callable[..., Any], request: Any) -> Any:
        try:
            return call(request, timeout=self._timeout)
        except grpc.RpcError as error:
            code, details = error.code(), (error.details() or "").splitlines() or ["no reason"]
            raise Failure(code.name, details[0], unreachable=code == grpc.StatusCode.UNAVAILABLE) from error
