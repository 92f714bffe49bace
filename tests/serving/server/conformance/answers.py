"""The conformance cases that are answered, and those about states and metadata."""

from __future__ import annotations

import base64
import gzip
import json

from grpc_health.v1.health_pb2 import HealthCheckRequest
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest

from tests.serving.server.conformance.requests import (
    CORE,
    DOCS,
    GRPC_INVALID,
    HANDLER,
    IMAGE,
    JSON,
    LATEST,
    META,
    MODELS,
    NAME,
    PIXELS,
    PNG,
    PREDICT_UTIL,
    READY,
    STATUS,
    UTIL,
    Case,
    Grpc,
    Rest,
    about,
    post,
    predict,
    spec,
)

B64 = {"b64": base64.b64encode(PNG).decode()}
VERSION = '"version": "1"'
PRETTY = "JSON is compact here"

STATES = [
    Case("status of a model", Rest("GET", STATUS), "200", READY, DOCS),
    Case("status of a version", Rest("GET", f"{STATUS}/versions/1"), "200", READY, DOCS),
    Case(
        "status by a label",
        Rest("GET", f"{STATUS}/labels/stable"),
        "200",
        VERSION,
        MODELS,
        ("200", VERSION),
        "TensorFlow Serving overlooks the label and gives all versions; here it is that one",
    ),
    Case(
        "status by an unknown label",
        Rest("GET", f"{STATUS}/labels/x"),
        "200",
        VERSION,
        MODELS,
        ("400", "Unrecognized servable version label: x"),
        "the label is not overlooked",
    ),
    Case(
        "status of an unknown model",
        Rest("GET", "/v1/models/x"),
        "404",
        "Could not find any versions of model x",
        MODELS,
    ),
    Case(
        "status of an unknown version",
        Rest("GET", f"{STATUS}/versions/7"),
        "404",
        "Could not find version 7 of model lfsr",
        MODELS,
    ),
    Case(
        "status of version 0",
        Rest("GET", f"{STATUS}/versions/0"),
        "404",
        "Could not find version 0 of model lfsr",
        MODELS,
        ("200", READY),
        "0 is the newest where none has this number, since ovmsclient sends it",
    ),
    Case(
        "a version that is no 64-bit integer",
        Rest("GET", f"{STATUS}/versions/{2**63}"),
        "400",
        f"Failed to convert version: {2**63} to numeric.",
        UTIL,
    ),
    Case(
        "models without a name", Rest("GET", "/v1/models"), "400", "Missing model name in request.", HANDLER
    ),
    Case("a path in capitals", Rest("GET", "/V1/MODELS/lfsr"), "200", READY, UTIL),
    Case("metadata of a model", Rest("GET", f"{STATUS}/metadata"), "200", '"signature_def"', UTIL),
    Case("metadata of an unknown model", Rest("GET", "/v1/models/x/metadata"), "404", LATEST, META),
    Case("GetModelStatus", about("GetModelStatus", spec()), "OK", "state: AVAILABLE", MODELS),
    Case(
        "GetModelStatus without a model",
        about("GetModelStatus", None),
        GRPC_INVALID,
        "Missing ModelSpec",
        MODELS,
    ),
    Case(
        "GetModelMetadata",
        about("GetModelMetadata", spec(), metadata_field=["signature_def"]),
        "OK",
        NAME,
        META,
    ),
    Case(
        "GetModelMetadata of an unknown field",
        about("GetModelMetadata", spec(), metadata_field=["x"]),
        GRPC_INVALID,
        "Metadata field %s is not supportedx",
        META,
        (GRPC_INVALID, "Metadata field x is not supported"),
        "the name stands where it belongs",
    ),
    Case(
        "GetModelMetadata of no field",
        about("GetModelMetadata", spec()),
        GRPC_INVALID,
        "GetModelMetadataRequest must specify at least one metadata_field",
        META,
    ),
    Case(
        "HandleReloadConfigRequest",
        Grpc("ModelService", "HandleReloadConfigRequest", ReloadConfigRequest()),
        GRPC_INVALID,
        "Only ModelConfigList is currently supported",
        "model_service_impl.cc",
        ("UNIMPLEMENTED", "Models are chosen when this server starts."),
        "a client must not choose what is read from the disk",
    ),
    Case(
        "health",
        Grpc("grpc.health.v1.Health", "Check", HealthCheckRequest()),
        "OK",
        "status: SERVING",
        "server.cc",
    ),
]

ANSWERS = [
    Case(
        "one image, row format", post({"instances": PIXELS}), "200", '{"predictions":[[[[', DOCS, why=PRETTY
    ),
    Case("one image, column format", post({"inputs": PIXELS}), "200", '{"outputs":[[[[', DOCS, why=PRETTY),
    Case(
        "a named input in rows", post({"instances": [{"image": PIXELS[0]}]}), "200", '{"predictions":', DOCS
    ),
    Case("named inputs in columns", post({"inputs": {"image": PIXELS}}), "200", '{"outputs":', DOCS),
    Case(
        "two inputs in rows",
        post({"signature_name": "kspace", "instances": [{"real": PIXELS[0], "imaginary": PIXELS[0]}]}),
        "200",
        '{"predictions":',
        DOCS,
    ),
    Case(
        "bytes in rows",
        post({"signature_name": "png", "instances": [B64, {"png_bytes": B64}][:1]}),
        "200",
        '{"predictions":[{"b64":"',
        DOCS,
    ),
    Case(
        "bytes in columns",
        post({"signature_name": "png", "inputs": {"png_bytes": [B64]}}),
        "200",
        '{"outputs":[{"b64":"',
        DOCS,
    ),
    Case(
        "a version in the path",
        post({"instances": PIXELS}, f"{STATUS}/versions/1:predict"),
        "200",
        '{"predictions":',
        DOCS,
    ),
    Case(
        "a label in the path",
        post({"instances": PIXELS}, f"{STATUS}/labels/stable:predict"),
        "200",
        "{",
        UTIL,
    ),
    Case(
        "a body of gzip",
        post(gzip.compress(json.dumps({"instances": PIXELS}).encode()), content_encoding="gzip"),
        "200",
        '{"predictions":',
        "evhttp_request.cc",
    ),
    Case("Predict", predict(image=IMAGE), "OK", 'signature_name: "serving_default"', PREDICT_UTIL),
    Case("Predict of one output", predict(outputs=("sr",), image=IMAGE), "OK", "DT_FLOAT", PREDICT_UTIL),
    Case("Predict by a label", predict(spec(version_label="stable"), image=IMAGE), "OK", "value: 1", CORE),
    Case(
        "one text for a signature of one text, in columns",
        post({"signature_name": "metadata", "inputs": ""}),
        "200",
        '{"outputs":"{',
        JSON,
    ),
    Case(
        "a message of gRPC over REST",
        post(predict(image=IMAGE).message.SerializeToString(), content_type="application/x-protobuf"),
        "400",
        "JSON Parse error: ",
        HANDLER,
        ("200", "serving_default"),
        "an extra format: the answer is a PredictResponse",
    ),
    Case(
        "a picture over REST",
        post(PNG, content_type="image/png"),
        "400",
        "JSON Parse error: ",
        HANDLER,
        ("200", "PNG"),
        "an extra format: the answer is a picture",
    ),
]
