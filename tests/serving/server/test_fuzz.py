"""A thousand requests that make no sense: each is refused, none breaks the server, then a good one is served.

Half of them go over REST, half over gRPC. Whatever comes back is an answer: 200 where the request made sense
after all, and never an error of the server.
"""

import json
import socket
from collections.abc import Iterator

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings, strategies as st
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from lfsr_tf.serving.server.model_server import ModelServer

PREDICT = "/v1/models/lfsr:predict"
GOOD = {"signature_name": "kspace", "instances": [{"real": [[[0.5]]], "imaginary": [[[0.25]]]}]}
TEXT = json.dumps(GOOD).encode()
CALLS = [
    f"/tensorflow.serving.PredictionService/{name}"
    for name in ("Predict", "GetModelMetadata", "Classify", "Regress", "MultiInference")
] + [f"/tensorflow.serving.ModelService/{name}" for name in ("GetModelStatus", "HandleReloadConfigRequest")]
CODES = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "UNIMPLEMENTED", "RESOURCE_EXHAUSTED"}
many = settings(
    max_examples=125, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def message(dtype: int = 1) -> PredictRequest:
    """A request that is right but for its dtype."""
    made = PredictRequest()
    made.model_spec.name = "lfsr"
    made.inputs["image"].CopyFrom(tf.make_tensor_proto(np.full((1, 2, 2, 1), 0.5, np.float32)))
    made.inputs["image"].dtype = dtype
    return made


@st.composite
def mutated(draw: st.DrawFn, of: bytes) -> bytes:
    """Bytes with a few of them changed, left out, repeated or put in."""
    found = bytearray(of)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(found)))
        end = min(len(found), start + draw(st.integers(0, 12)))
        put = draw(st.binary(max_size=6) | st.just(bytes(found[start:end] * 2)) | st.sampled_from(TOKENS))
        found[start:end] = put
    return bytes(found)


TOKENS = [
    *(b"NaN", b"-Infinity", b"1e999", b"-0", b"9" * 400, b"null", b"true", b"{}", b"[]", b'""', b"[[[[[[[[["),
    *(b'"\\ud800"', b'"\\u0000"', b'{"b64":"/w"}', b"\xff\xfe", b"\xef\xbb\xbf", b"\x00", b"\\", b"1e-400"),
]
KEYS = st.sampled_from(["instances", "inputs", "signature_name", "real", "imaginary", "image", "b64", "x"])
LEAVES = (
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    st.sampled_from(["png", "kspace", "kspace_complex", "volume", "metadata", "network", ""]),
)
DOCUMENTS = st.dictionaries(
    KEYS,
    st.recursive(
        st.one_of(*LEAVES),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=12,
    ),
    max_size=3,
)


@pytest.fixture(scope="module")
def client(server: ModelServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{server.rest_port}", timeout=30.0) as opened:
        yield opened


@pytest.fixture(scope="module")
def channel(server: ModelServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as opened:
        yield opened


@pytest.fixture(autouse=True)
def still_good(client: httpx.Client, channel: grpc.Channel) -> Iterator[None]:
    """After each kind of nonsense a good request is answered, over both protocols."""
    yield
    assert client.post(PREDICT, json=GOOD).status_code == 200
    assert called(channel, CALLS[0], message().SerializeToString()) == "OK"


def refused(response: httpx.Response) -> None:
    """Whether the answer is one, and a refusal has its sentence."""
    assert response.status_code in (200, 400, 404, 405, 501), response.text
    if response.status_code != 200:
        assert response.json()["error"]


def called(channel: grpc.Channel, method: str, request: bytes) -> str:
    """Status of a call of raw bytes."""
    try:
        channel.unary_unary(method)(request, timeout=30.0)
    except grpc.RpcError as error:
        assert error.details()
        return str(error.code().name)
    return "OK"


@many
@given(body=st.binary(max_size=200) | mutated(TEXT) | DOCUMENTS.map(lambda each: json.dumps(each).encode()))
def test_bodies_of_json(client: httpx.Client, body: bytes) -> None:
    refused(client.post(PREDICT, content=body))


@many
@given(
    body=st.binary(max_size=60) | mutated(message().SerializeToString()),
    kind=st.sampled_from(["application/x-protobuf", "image/png", "text/plain", ";"]),
)
def test_bodies_of_other_types(client: httpx.Client, body: bytes, kind: str) -> None:
    refused(client.post(PREDICT, content=body, headers={"content-type": kind}))


NAMES = ["content-type", "content-encoding", "expect", "upgrade", "connection", "range", "host", "cookie"]
VALUES = [
    b"gzip",
    b"br",
    b"100-continue",
    b"Upgrade",
    b"h2c",
    b"websocket",
    b"[",
    b"application/json",
    b"close",
]
WORDS = [
    "models",
    "lfsr",
    "versions",
    "1",
    "labels",
    "stable",
    "metadata",
    ":predict",
    "%00",
    "%2f",
    "..",
    "v1",
]


@many
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]),
    words=st.lists(st.sampled_from(WORDS) | st.text("abc:%?#/", max_size=6), max_size=6),
    headers=st.dictionaries(
        st.sampled_from(NAMES),
        st.sampled_from(VALUES)
        | st.text(st.characters(codec="latin-1", min_codepoint=33), max_size=9).map(
            lambda text: text.encode("latin-1")
        ),
        max_size=3,
    ),
    body=st.sampled_from([b"", b"{}", TEXT]),
)
def test_paths_methods_and_headers(
    server: ModelServer, method: str, words: list[str], headers: dict[str, bytes], body: bytes
) -> None:
    head = f"{method} /v1/{'/'.join(words)} HTTP/1.1\r\ncontent-length: {len(body)}\r\n".encode()
    lines = [name.encode() + b": " + value + b"\r\n" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=30.0) as raw:
        raw.sendall(head + b"".join(lines) + b"\r\n" + body)
        status = raw.makefile("rb").readline()
        if status.split()[1:2] == [b"100"]:
            return
    assert int(status.split()[1]) in (200, 400, 403, 404, 405, 501), status


@many
@given(
    start=st.binary(max_size=80) | mutated(b"POST /v1/models/lfsr:predict HTTP/1.1\r\nhost: [::1]\r\n\r\n")
)
def test_what_may_not_even_be_http(server: ModelServer, start: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=30.0) as raw:
        raw.sendall(start)
        raw.shutdown(socket.SHUT_WR)
        answer = raw.makefile("rb").read(12)
    assert answer[9:] in (b"", b"200", b"400", b"403", b"404", b"405", b"501")


@many
@given(method=st.sampled_from(CALLS), request=st.binary(max_size=80))
def test_calls_of_random_bytes(channel: grpc.Channel, method: str, request: bytes) -> None:
    assert called(channel, method, request) in CODES


@many
@given(method=st.sampled_from(CALLS), request=mutated(message().SerializeToString()))
def test_calls_of_changed_messages(channel: grpc.Channel, method: str, request: bytes) -> None:
    assert called(channel, method, request) in CODES


@many
@given(
    dtype=st.sampled_from(sorted(types_pb2.DataType.values())),
    shape=st.lists(st.integers(-2, 5) | st.integers(0, 2**63 - 1), max_size=6),
    content=st.binary(max_size=64),
    values=st.lists(st.floats(width=32), max_size=5),
    name=st.sampled_from(["image", "png_bytes", "kspace", "x"]),
    signature=st.sampled_from(["", "png", "kspace_complex", "volume", "metadata", "x"]),
)
def test_tensors_that_contradict_themselves(
    channel: grpc.Channel,
    dtype: int,
    shape: list[int],
    content: bytes,
    values: list[float],
    name: str,
    signature: str,
) -> None:
    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "lfsr", signature
    tensor = request.inputs[name]
    tensor.dtype, tensor.tensor_content = dtype, content
    tensor.float_val.extend(values)
    tensor.string_val.append(content)
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    assert called(channel, CALLS[0], request.SerializeToString()) in CODES


@many
@given(
    shape=st.lists(st.integers(0, 4), max_size=5),
    value=st.floats(width=32),
    outputs=st.lists(st.sampled_from(["sr", "x", ""]), max_size=2),
    signature=st.sampled_from(["", "volume", "network", "kspace", "\n"]),
)
def test_arrays_of_any_shape_and_value(
    channel: grpc.Channel, shape: list[int], value: float, outputs: list[str], signature: str
) -> None:
    request = PredictRequest(output_filter=outputs)
    request.model_spec.name, request.model_spec.signature_name = "lfsr", signature
    array = np.full(shape, value, np.float32)
    for name in {"": ["image"], "network": ["image", "noise_level"], "volume": ["volume"]}.get(signature, []):
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    assert called(channel, CALLS[0], request.SerializeToString()) in CODES
