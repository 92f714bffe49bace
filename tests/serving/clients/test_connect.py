"""A network behind a server does what it does in this process, over both protocols."""

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError, LfsrError, ModelError
from lfsr_tf.inference import EnhanceConfig, Enhancer
from lfsr_tf.networks import ModelInfo, TrainedModel, build_network
from lfsr_tf.scans import Scan, phantom_scan
from lfsr_tf.serving import export_model
from lfsr_tf.serving.clients import connect
from lfsr_tf.serving.clients.address import ServerAddress, parse_address
from lfsr_tf.serving.server.model_server import ModelServer
from lfsr_tf.serving.server.options import ModelSource, ServerOptions
from lfsr_tf.serving.signatures import SIGNATURES

SETTINGS = {"blocks": [1, 1], "filters": [4, 6], "noise_level": True}


@pytest.fixture(scope="module")
def told() -> TrainedModel:
    """A small U-Net that is told the noise level, with random weights."""
    model = build_network("UNetSR", **SETTINGS)
    generator = np.random.default_rng(0)
    model.set_weights([generator.normal(0, 0.2, weight.shape) for weight in model.get_weights()])
    return TrainedModel(model, ModelInfo("told", "UNetSR", SETTINGS, 2, sigma_range=(0.0, 0.08)))


@pytest.fixture(scope="module")
def server(
    told: TrainedModel, exported: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModelServer]:
    base = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:  # the one that clients ask; each other one takes a second
        patch.setattr("lfsr_tf.serving.export.SIGNATURES", {"network": SIGNATURES["network"]})
        export_model(told, base, "told", warm_up=(), check=False)
    without_warmup = shutil.ignore_patterns("assets.extra")
    shutil.copytree(exported, base / "lfsr" / exported.name, ignore=without_warmup)
    foreign = tf.Module()
    foreign.f = tf.function(lambda x: {"y": x}, input_signature=[tf.TensorSpec([None], name="x")])
    tf.saved_model.save(foreign, str(base / "foreign" / "1"), signatures={"serving_default": foreign.f})
    folders = {name: base / name for name in ("lfsr", "told", "foreign")}
    sources = tuple(ModelSource(name, folder) for name, folder in folders.items())
    with ModelServer(ServerOptions(sources, grpc_port=0, rest_port=0)) as running:
        yield running


@pytest.fixture(params=["grpc", "http"])
def base_url(request: pytest.FixtureRequest, server: ModelServer) -> str:
    ports = {"grpc": server.grpc_port, "http": server.rest_port}
    return f"{request.param}://127.0.0.1:{ports[request.param]}"


def low_field() -> Scan:
    scan = phantom_scan(1, "T1w", slices=3)
    generator = np.random.default_rng(0)
    slices = 1000 * scan.slices()[:, ::4, ::4]
    noisy = np.abs(slices + 30 * (generator.normal(size=(*slices.shape, 2)) @ [1, 1j]))
    return Scan(np.moveaxis(noisy.astype(np.float32), 0, 2), np.diag([4.0, 4.0, 5.0, 1.0]))


@pytest.mark.parametrize(
    "config",
    [
        EnhanceConfig(),
        EnhanceConfig(noise_level=0.06),
        EnhanceConfig(pixel_budget=2_000),
        EnhanceConfig(acquired_matrix=(40, 38)),
    ],
    ids=["plain", "noise level", "tiles", "cut"],
)
def test_a_scan_enhanced_behind_a_server_is_the_same(
    config: EnhanceConfig, base_url: str, told: TrainedModel
) -> None:
    here = Enhancer(told, config)(low_field())
    there = Enhancer(connect(f"{base_url}/told"), config)(low_field())
    expected = here.scan.slices()
    assert np.abs(there.scan.slices() - expected).max() <= 1e-5 * expected.max()
    assert there.sidecar.model == here.sidecar.model
    assert there.sidecar.warnings == here.sidecar.warnings
    assert there.sidecar.tiles == here.sidecar.tiles


def test_the_model_describes_itself(base_url: str, told: TrainedModel) -> None:
    network = connect(f"{base_url}/told/1")
    assert (network.info.name, network.info.sigma_range) == ("told", (0.0, 0.08))
    assert network.traits.takes_noise_level and network.traits.scale == 2
    assert not connect(base_url).traits.takes_noise_level


def test_a_noise_level_for_a_network_that_takes_none_is_refused(base_url: str) -> None:
    with pytest.raises(ConfigError, match="takes a noise level"):
        Enhancer(connect(base_url), EnhanceConfig(noise_level=0.1))


def test_the_dtype_is_the_server_s(base_url: str) -> None:
    with pytest.raises(ConfigError, match="that runs already"):
        Enhancer(connect(base_url), EnhanceConfig(dtype="mixed_bfloat16"))


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("nobody", LfsrError, "Servable not found for request: Latest"),
        ("told/7", LfsrError, r"Servable not found for request: Specific\(told, 7\)"),
        ("foreign", ModelError, "Export it again"),
    ],
)
def test_what_is_not_there_is_one_line(
    path: str, error: type[LfsrError], message: str, base_url: str
) -> None:
    with pytest.raises(error, match=message) as raised:
        connect(f"{base_url}/{path}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_server_that_is_not_there_is_one_line(protocol: str) -> None:
    with pytest.raises(LfsrError, match=r"Cannot reach .* Is the server running"):
        connect(f"{protocol}://127.0.0.1:1/lfsr", timeout=5)


class _Answers(BaseHTTPRequestHandler):
    """Says that it has version 3, and answers each request with the next of a list."""

    about: ClassVar[bytes] = b'{"model_spec": {"name": "lfsr", "version": "3"}}'
    answers: ClassVar[list[tuple[int, bytes]]] = []

    def do_GET(self) -> None:
        self._answer(200, self.about)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/models/lfsr/versions/3:predict"
        self._answer(*self.answers.pop(0))

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def strange(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """URL of a server that answers what `_Answers.answers` says."""
    monkeypatch.setattr("lfsr_tf.serving.clients.retry._FIRST_PAUSE_SECONDS", 0.01)
    with HTTPServer(("127.0.0.1", 0), _Answers) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_busy_server_is_asked_again(strange: str) -> None:
    text = '{"model": {"name": "n", "network": "N", "settings": {}, "scale": 2}, "traits": {"scale": 2, '
    text += '"halo": 3, "stride": 1, "takes_noise_level": false}}'
    good = ('{"outputs": "' + text.replace('"', '\\"') + '"}').encode()
    _Answers.answers = [(429, b'{"error": "busy"}'), (429, b"{}"), (200, good)]
    assert connect(strange).traits.halo == 3


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([(429, b'{"error": "too busy"}')] * 5, r"too busy \(429\)"),
        ([(502, b"<html>")], "502"),
        ([(200, b"<html>")], "not JSON"),
        ([(200, b'{"outputs": "text"}')], "describes itself otherwise"),
        ([(200, b"[]")], "describes itself otherwise"),
        ([(200, b'{"outputs": {"a": "{}", "b": "{}"}}')], "describes itself otherwise"),
        ([(200, b'{"outputs": [[1], [1, 2]]}')], "describes itself otherwise"),
    ],
)
def test_strange_answers_are_one_line(answers: list[tuple[int, bytes]], message: str, strange: str) -> None:
    _Answers.answers = list(answers)
    with pytest.raises(LfsrError, match=message) as raised:
        connect(strange)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("about", [b"[]", b"{}", b'{"model_spec": {"version": "new"}}'])
def test_a_server_that_does_not_tell_the_version_is_one_line(
    about: bytes, strange: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Answers, "about", about)
    with pytest.raises(LfsrError, match="does not tell the model's version") as raised:
        connect(strange)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.1", ServerAddress("http", "127.0.0.1", 8501)),
        ("http://h:80/v1/models/brain", ServerAddress("http", "h", 80, "brain")),
        ("https://h/v1/models/brain/versions/12", ServerAddress("https", "h", 443, "brain", 12)),
        ("grpc://h", ServerAddress("grpc", "h", 8500)),
        ("grpc://[::1]:9/brain/3", ServerAddress("grpc", "[::1]", 9, "brain", 3)),
    ],
)
def test_addresses_are_read(text: str, expected: ServerAddress) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost:8501",
        "ftp://h",
        "http://",
        "http://h:x",
        "http://h/a/b/c",
        "http://h?x=1",
        "grpc://u@h",
        "http://[::1:8501/lfsr",
        "http://[x]/lfsr",
        f"http://h/lfsr/{'9' * 5000}",
    ],
)
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="Expected a server like http://127"):
        parse_address(text)


def test_a_version_that_no_server_can_have_is_refused() -> None:
    assert parse_address(f"grpc://h/lfsr/{2**63 - 1}").version == 2**63 - 1
    with pytest.raises(ConfigError, match="Expected a version of at most 9223372036854775807"):
        parse_address(f"grpc://h/lfsr/{2**63}")


def test_the_url_of_a_model_names_its_version() -> None:
    assert parse_address("http://h/v1/models/a/versions/2").url == "http://h:8501/v1/models/a/versions/2"
