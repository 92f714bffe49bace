"""A server in this process, on free ports of loopback, with the small exported model."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lfsr_tf.serving.server.model_server import ModelServer
from lfsr_tf.serving.server.options import ModelSource, ServerOptions


@pytest.fixture(scope="module")
def server(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """Serves `exported` as "lfsr", with the label "stable" for version 1, without the slow warm-up."""
    base = tmp_path_factory.mktemp("cold")
    shutil.copytree(exported, base / exported.name, ignore=shutil.ignore_patterns("assets.extra"))
    source = ModelSource("lfsr", base, labels={"stable": int(exported.name)})
    options = ServerOptions((source,), grpc_port=0, rest_port=0, poll_seconds=0.2)
    with ModelServer(options) as running:
        yield running


@pytest.fixture
def url(server: ModelServer) -> str:
    """Of its REST API."""
    return f"http://127.0.0.1:{server.rest_port}"
