"""A server in this process, on free ports of loopback, with the small exported model."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lfsr_tf.serving.server.model_server import ModelServer
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.server.options import ModelSource, ServerOptions
from tests.serving.server.factor_model import save_factor_model


class LentServable(Servable):
    """A version that others run too: it stays when the server gives it back."""

    def __init__(self, loaded: Servable) -> None:
        vars(self).update(vars(loaded))

    def close(self) -> None:
        """Leave it to whoever loaded it."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose version 1 triples an image: quick to load."""
    folder = tmp_path_factory.mktemp("lfsr")
    save_factor_model(folder / "1", 3.0)
    return folder


@pytest.fixture(scope="module")
def server(
    exported: Path, servable: Servable, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModelServer]:
    """Serves `servable` as "lfsr", with the label "stable" for version 1, without the slow warm-up."""
    base = tmp_path_factory.mktemp("cold")
    shutil.copytree(exported, base / exported.name, ignore=shutil.ignore_patterns("assets.extra"))
    source = ModelSource("lfsr", base, labels={"stable": int(exported.name)})
    options = ServerOptions((source,), grpc_port=0, rest_port=0, poll_seconds=0.2)
    running = ModelServer(options)
    with pytest.MonkeyPatch.context() as patch:
        loader = "lfsr_tf.serving.server.models.versioned_model.Servable"
        patch.setattr(loader, lambda *_: LentServable(servable))
        running.start()
    yield running
    running.stop()


@pytest.fixture
def url(server: ModelServer) -> str:
    """Of its REST API."""
    return f"http://127.0.0.1:{server.rest_port}"
