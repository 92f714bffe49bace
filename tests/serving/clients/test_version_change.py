"""A connection keeps to one version of its model, whatever becomes the newest meanwhile."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import LfsrError
from lfsr_tf.inference.network import RunningNetwork
from lfsr_tf.serving.clients import connect
from lfsr_tf.serving.clients.connect import network_behind
from lfsr_tf.serving.server.local_client import LocalClient
from lfsr_tf.serving.server.model_server import ModelServer
from lfsr_tf.serving.server.models import versioned_model
from lfsr_tf.serving.server.options import ModelSource, ServerOptions, VersionPolicy
from lfsr_tf.serving.signatures import describe

IMAGES = np.ones((2, 3, 5, 1), np.float32)
TRAITS = {"scale": 2, "halo": 0, "stride": 1, "takes_noise_level": False}
Connect = Callable[[ModelServer], RunningNetwork]


class Doubling(tf.Module):
    """Gives images of twice the size, which are the number of its version everywhere."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = tf.Variable(float(number))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, None, 1], tf.float32, name="image"),
            tf.TensorSpec([None], tf.float32, name="noise_level"),
        ]
    )
    def serve(self, image: tf.Tensor, noise_level: tf.Tensor) -> dict[str, tf.Tensor]:
        ones = tf.ones_like(tf.repeat(tf.repeat(image, 2, axis=1), 2, axis=2))
        return {"sr": ones * self.number + 0.0 * noise_level[:, None, None, None]}


def add_version(base: Path, number: int) -> None:
    """Put a version there as an export does, at once; its metadata was written for another number."""
    module, hidden = Doubling(number), base / f".{number}"
    model = {"name": f"model {number}", "network": "N", "settings": {}, "scale": 2}
    text = json.dumps({"version": 77, "model": model, "traits": TRAITS})
    signatures = {"network": module.serve, describe.NAME: describe.build(text)}
    tf.saved_model.save(module, str(hidden), signatures=signatures)
    hidden.rename(base / str(number))


@contextmanager
def serving(base: Path, policy: VersionPolicy) -> Iterator[ModelServer]:
    add_version(base, 1)
    source = ModelSource("lfsr", base, policy)
    with ModelServer(ServerOptions((source,), grpc_port=0, rest_port=0, poll_seconds=0.05)) as running:
        yield running


def change_model(server: ModelServer, base: Path) -> None:
    """Return when version 2 has come, and version 1 has gone where only one is kept."""
    add_version(base, 2)
    model = server.service.store.models["lfsr"]
    expected = {"latest": {"2"}, "all": {"1", "2"}}[model.source.policy.kind]
    deadline = time.monotonic() + 20
    while expected != {str(key) for key, (state, _) in model.states().items() if state.name == "AVAILABLE"}:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def _no_loader_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versioned_model, "run_in_cpp_loader", lambda *_, **__: [])


@pytest.fixture(params=["grpc", "http", "local"])
def connection(request: pytest.FixtureRequest) -> Connect:
    return {
        "grpc": lambda server: connect(f"grpc://127.0.0.1:{server.grpc_port}/lfsr"),
        "http": lambda server: connect(f"http://127.0.0.1:{server.rest_port}/v1/models/lfsr"),
        "local": lambda server: network_behind(LocalClient(server.service, "lfsr", 20.0), "lfsr"),
    }[request.param]


def answered(network: RunningNetwork) -> tuple[str, set[float]]:
    """The model that the network says it is, and the versions that made the images."""
    return network.info.name, set(network.run(IMAGES, 0.0).ravel().tolist())


def test_images_are_those_of_the_version_that_described_itself(connection: Connect, tmp_path: Path) -> None:
    with serving(tmp_path, VersionPolicy("all")) as server:
        before = connection(server)
        assert answered(before) == ("model 1", {1.0})
        change_model(server, tmp_path)
        assert answered(before) == ("model 1", {1.0})
        assert answered(connection(server)) == ("model 2", {2.0})


def test_a_version_that_goes_meanwhile_is_one_line(connection: Connect, tmp_path: Path) -> None:
    with serving(tmp_path, VersionPolicy("latest")) as server:
        before = connection(server)
        change_model(server, tmp_path)
        with pytest.raises(LfsrError, match=r"Version 1, .* is gone: start again") as raised:
            before.run(IMAGES, 0.0)
        assert "\n" not in str(raised.value)
        assert answered(connection(server)) == ("model 2", {2.0})


def test_a_version_between_the_number_and_the_description_is_not_mixed_in(tmp_path: Path) -> None:
    with serving(tmp_path, VersionPolicy("all")) as server:
        client = LocalClient(server.service, "lfsr", 20.0)
        number = client.version
        client.version = lambda: (number(), change_model(server, tmp_path))[0]  # type: ignore[method-assign]
        assert answered(network_behind(client, "lfsr")) == ("model 1", {1.0})
