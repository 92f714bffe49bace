"""Clients that others wrote get what the graph gives in this process."""

import base64
import json
import subprocess
import time

import grpc
import numpy as np
import ovmsclient
import pytest
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from lfsr_tf.serving.server.model_server import ModelServer
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.signatures import SIGNATURES

IMAGES = np.random.default_rng(0).random((2, 9, 7)).astype(np.float32)
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def curl(url: str, *options: str, body: bytes = b"") -> bytes:
    """What curl writes; it fails where the server refuses."""
    command = ["curl", "--silent", "--show-error", "--fail", "--max-time", "60", *options, url]
    return subprocess.run(command, input=body, capture_output=True, check=True).stdout


def jsonable(value: np.ndarray) -> object:
    """An input for a body of JSON."""
    if value.dtype != object:
        return value.tolist()
    return [{"b64": base64.b64encode(file).decode()} for file in value]


@pytest.mark.parametrize("name", list(SIGNATURES))
def test_the_official_stub_gets_every_signature_s_answer(
    name: str, server: ModelServer, servable: Servable
) -> None:
    inputs = dict(SIGNATURES[name].example(IMAGES))
    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "lfsr", name
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        response = PredictionServiceStub(channel).Predict(request, timeout=60.0)
    found = {key: tf.make_ndarray(value) for key, value in response.outputs.items()}
    assert (response.model_spec.name, response.model_spec.version.value) == ("lfsr", 1)
    expected = servable.predict(name, inputs)
    assert set(found) == set(expected)
    np.testing.assert_allclose(
        SIGNATURES[name].images(found),
        SIGNATURES[name].images(expected),
        rtol=1e-5,
        atol=2.0 * (name == "png"),
    )


def test_ovmsclient_gets_it_over_grpc(server: ModelServer, servable: Servable) -> None:
    client = ovmsclient.make_grpc_client(f"127.0.0.1:{server.grpc_port}")
    image = IMAGES[..., None]
    np.testing.assert_allclose(
        client.predict({"image": image}, "lfsr"), servable.predict("", {"image": image})["sr"], **TOLERANCE
    )
    assert client.get_model_status("lfsr")[1]["state"] == "AVAILABLE"
    metadata = client.get_model_metadata("lfsr")
    assert metadata["model_version"] == 1
    assert metadata["inputs"]["image"] == {"shape": [-1, -1, -1, 1], "dtype": "DT_FLOAT"}


def test_ovmsclient_gets_it_over_http(server: ModelServer, servable: Servable) -> None:
    client = ovmsclient.make_http_client(f"127.0.0.1:{server.rest_port}")
    image = IMAGES[..., None]
    np.testing.assert_allclose(
        client.predict({"image": image}, "lfsr"), servable.predict("", {"image": image})["sr"], **TOLERANCE
    )
    assert client.get_model_status("lfsr")[1]["state"] == "AVAILABLE"
    assert client.get_model_metadata("lfsr")["model_spec"]["version"] == "1"


@pytest.mark.parametrize("name", sorted(set(SIGNATURES) - {"kspace_complex"}))
@pytest.mark.parametrize("protocol", ["--http1.0", "--http1.1", "--http2"])
def test_curl_gets_every_signature_s_answer(name: str, protocol: str, url: str, servable: Servable) -> None:
    inputs = dict(SIGNATURES[name].example(IMAGES))
    document = {"signature_name": name, "inputs": {key: jsonable(value) for key, value in inputs.items()}}
    body = curl(
        f"{url}/v1/models/lfsr:predict", protocol, "--data-binary", "@-", body=json.dumps(document).encode()
    )
    found = json.loads(body)["outputs"]
    expected = servable.predict(name, inputs)
    if name == "png":
        files = np.array([base64.b64decode(each["b64"]) for each in found], object)
        images = SIGNATURES[name].images({"sr_png_bytes": files})
        np.testing.assert_allclose(images, SIGNATURES[name].images(expected), atol=2.0)
    else:
        np.testing.assert_allclose(np.array(found, np.float32), expected["sr"], **TOLERANCE)


def test_curl_sends_a_picture_and_gets_one(url: str, servable: Servable) -> None:
    (file,) = SIGNATURES["png"].example(IMAGES[:1])["png_bytes"]
    options = ("-H", "Content-Type: image/png", "--data-binary", "@-")
    found = curl(f"{url}/v1/models/lfsr:predict", *options, body=file)
    expected = servable.predict("png", {"png_bytes": np.array([file], object)})["sr_png_bytes"][0]
    difference = tf.cast(tf.io.decode_png(found, dtype=tf.uint16), tf.int32) - tf.cast(
        tf.io.decode_png(expected, dtype=tf.uint16), tf.int32
    )
    assert int(tf.reduce_max(tf.abs(difference))) <= 2


def test_a_message_over_rest_gets_a_message(url: str, servable: Servable) -> None:
    request = PredictRequest()
    image = IMAGES[..., None]
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(image))
    options = ("-H", "Content-Type: application/x-protobuf", "--data-binary", "@-")
    body = curl(f"{url}/v1/models/lfsr:predict", *options, body=request.SerializeToString())
    found = tf.make_ndarray(PredictResponse.FromString(body).outputs["sr"])
    np.testing.assert_allclose(found, servable.predict("", {"image": image})["sr"], **TOLERANCE)


def test_the_metrics_count_what_was_asked(url: str) -> None:
    row = ':tensorflow:serving:request_count{model_name="lfsr",status="OK"}'

    def count() -> float:
        page = curl(f"{url}/monitoring/prometheus/metrics").decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(row))

    before = count()
    curl(f"{url}/v1/models/lfsr")
    time.sleep(0.1)
    assert count() == before + 1
