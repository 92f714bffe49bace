"""The conformance cases that are refused over gRPC."""

from __future__ import annotations

import numpy as np
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from tests.serving.server.conformance.requests import (
    CORE,
    GRPC_INVALID,
    GRPC_UNKNOWN,
    IMAGE,
    LATEST,
    MULTI,
    PREDICT_UTIL,
    SESSION,
    WAS,
    Case,
    Grpc,
    predict,
    spec,
    tasks,
)

REFUSALS = [
    Case("Predict of an unknown model", predict(spec("x"), image=IMAGE), GRPC_UNKNOWN, LATEST, CORE),
    Case(
        "Predict of an unknown version",
        predict(spec(version=7), image=IMAGE),
        GRPC_UNKNOWN,
        "Servable not found for request: Specific(lfsr, 7)",
        CORE,
    ),
    Case(
        "Predict without a ModelSpec",
        Grpc("PredictionService", "Predict", PredictRequest()),
        GRPC_INVALID,
        "Missing ModelSpec",
        "predict_impl.cc",
    ),
    Case("Predict without a name", predict(spec("")), GRPC_INVALID, "ModelSpec has no name specified.", CORE),
    Case(
        "Predict of an unknown signature",
        predict(spec(signature_name="x"), image=IMAGE),
        "FAILED_PRECONDITION",
        'Serving signature key "x" not found.',
        PREDICT_UTIL,
    ),
    Case(
        "Predict without inputs",
        predict(),
        GRPC_INVALID,
        "input size does not match signature: 0!=1 len({}) != len({image}). Sent extra: {}. "
        "Missing but required: {image}.",
        PREDICT_UTIL,
    ),
    Case(
        "Predict with an unknown input",
        predict(picture=IMAGE),
        GRPC_INVALID,
        "input tensor alias not found in signature: picture. Inputs expected to be in the set {image}.",
        PREDICT_UTIL,
    ),
    Case(
        "Predict with an unknown output",
        predict(outputs=("x",), image=IMAGE),
        GRPC_INVALID,
        "output tensor alias not found in signature: x Outputs expected to be in the set {sr}.",
        PREDICT_UTIL,
    ),
    Case(
        "Predict with an output twice",
        predict(outputs=("sr", "sr"), image=IMAGE),
        GRPC_INVALID,
        "duplicate output tensor alias: sr",
        PREDICT_UTIL,
    ),
    Case(
        "Predict with another dtype",
        predict(image=IMAGE.astype(np.float64)),
        GRPC_INVALID,
        "Expects arg[0] to be float but double is provided",
        SESSION,
        (GRPC_INVALID, "Expects image to be float but double is provided"),
        "the input is called by its name",
    ),
    Case(
        "Classify",
        Grpc("PredictionService", "Classify", ClassificationRequest(model_spec=spec())),
        GRPC_INVALID,
        WAS.format("classify"),
        "classifier.cc",
    ),
    Case(
        "Regress without a ModelSpec",
        Grpc("PredictionService", "Regress", RegressionRequest()),
        GRPC_INVALID,
        "Missing ModelSpec",
        "regression_service.cc",
    ),
    Case("MultiInference of nothing", tasks(), GRPC_INVALID, "ModelSpec has no name specified.", MULTI),
    Case(
        "MultiInference",
        tasks("tensorflow/serving/classify"),
        GRPC_INVALID,
        WAS.format("classify"),
        MULTI,
    ),
    Case(
        "MultiInference by another method",
        tasks("tensorflow/serving/predict"),
        "UNIMPLEMENTED",
        "Unsupported signature method_name: tensorflow/serving/predict",
        MULTI,
    ),
]
