"""How a request of the conformance cases is written down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.inference_pb2 import InferenceTask, MultiInferenceRequest
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest

IMAGE = np.full((1, 2, 2, 1), 0.5, np.float32)
PIXELS = IMAGE.tolist()
PNG = tf.io.encode_png(np.full((2, 2, 1), 200, np.uint8)).numpy()
NAME, PREDICT, STATUS = "lfsr", "/v1/models/lfsr:predict", "/v1/models/lfsr"
READY = '"state": "AVAILABLE"'


@dataclass(frozen=True)
class Rest:
    """A request over HTTP."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] | None = None

    @property
    def content(self) -> bytes | None:
        """The body as it is sent."""
        ready = self.body is None or isinstance(self.body, bytes)
        return self.body if ready else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Grpc:
    """A request over gRPC."""

    service: str
    method: str
    message: Any


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        request: In words.
        sent: What is sent.
        code: TensorFlow Serving's status.
        text: What its answer contains.
        source: The file of TensorFlow Serving that says so.
        here: Status and text where they differ here.
        why: They do.
    """

    request: str
    sent: Rest | Grpc
    code: str
    text: str
    source: str
    here: tuple[str, str] | None = None
    why: str = ""

    @property
    def expected(self) -> tuple[str, str]:
        """Status and text of this server."""
        return self.here or (self.code, self.text)


def spec(name: str = NAME, version: int | None = None, **fields: str) -> ModelSpec:
    """What a gRPC request says of the model."""
    made = ModelSpec(name=name, **fields)
    if version is not None:
        made.version.value = version
    return made


def predict(asked: ModelSpec | None = None, outputs: tuple[str, ...] = (), **inputs: Any) -> Grpc:
    """A prediction over gRPC."""
    message = PredictRequest(model_spec=spec() if asked is None else asked, output_filter=outputs)
    for key, value in inputs.items():
        message.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return Grpc("PredictionService", "Predict", message)


def post(body: Any, path: str = PREDICT, **headers: str) -> Rest:
    """A prediction over REST."""
    return Rest("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})


def about(method: str, asked: ModelSpec | None, **fields: Any) -> Grpc:
    """A question about a model over gRPC."""
    message = GetModelStatusRequest if method == "GetModelStatus" else GetModelMetadataRequest
    service = "ModelService" if method == "GetModelStatus" else "PredictionService"
    return Grpc(service, method, message(model_spec=asked, **fields))


def tasks(*methods: str) -> Grpc:
    """Several inferences at once."""
    made = [InferenceTask(model_spec=spec(), method_name=method) for method in methods]
    return Grpc("PredictionService", "MultiInference", MultiInferenceRequest(tasks=made))


UTIL, HANDLER, JSON = "http_rest_api_util.cc", "http_rest_api_handler.cc", "json_tensor.cc"
MODELS, META, PREDICT_UTIL = "get_model_status_impl.cc", "get_model_metadata_impl.cc", "predict_util.cc"
CORE, HTTP, DOCS, MULTI = "server_core.cc", "http_server.cc", "api_rest.md", "multi_inference.cc"
LATEST = "Servable not found for request: Latest(x)"
WAS = "signature method_name to be tensorflow/serving/{}. Was: tensorflow/serving/predict"
GRPC_INVALID, GRPC_UNKNOWN = "INVALID_ARGUMENT", "NOT_FOUND"
SESSION, GRAPH = "direct_session.cc", "the exported graph"
CUT = "bodies in messages are cut at 200 characters"
