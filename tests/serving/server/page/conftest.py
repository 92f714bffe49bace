"""The page's server in this process, with a network that interpolates, and a browser to look at it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from lfsr_tf.inference import EnhanceConfig, Enhancer
from lfsr_tf.networks import ModelInfo, TrainedModel, build_network
from lfsr_tf.scans import Scan, phantom_scan, write_scan
from lfsr_tf.serving.server.gate import Gate
from lfsr_tf.serving.server.models.store import ModelStore
from lfsr_tf.serving.server.options import MIB, Limits, ModelSource, ServerOptions
from lfsr_tf.serving.server.page import page_routes
from lfsr_tf.serving.server.rest.app import build_app
from lfsr_tf.serving.server.rest.http_server import HttpServer
from lfsr_tf.serving.server.service import ModelService
from tests.serving.server.page.devtools import Chromium

SETTINGS = {"blocks": 1, "filters": 4}
Serve = Callable[..., AbstractContextManager[httpx.Client]]


@pytest.fixture(scope="session")
def enhancer() -> Enhancer:
    """An untrained ResidualSR, which interpolates."""
    info = ModelInfo("tiny", "ResidualSR", SETTINGS, 2, sigma_range=(0.0, 0.08), version=7)
    return Enhancer(
        TrainedModel(build_network("ResidualSR", **SETTINGS), info), EnhanceConfig(dtype="float32")
    )


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """Serve the page of something that enhances, on a port of loopback; its own models are never asked."""

    @contextmanager
    def serving(
        enhancer: Enhancer, scratch: Path | None = None, shutdown_seconds: float = 30.0
    ) -> Iterator[httpx.Client]:
        limits = Limits(request_bytes=MIB, shutdown_seconds=shutdown_seconds)
        options = ServerOptions((ModelSource("tiny", tmp_path_factory.mktemp("models")),), limits=limits)
        service = ModelService(ModelStore(options.models, options.poll_seconds), Gate(1, 1))
        pages = page_routes(service, options, enhancer, scratch)
        server = HttpServer(build_app(service, options, pages), limits)
        port = server.start("127.0.0.1", 0)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
            server.stop()

    return serving


@pytest.fixture(scope="module")
def client(serve: Serve, enhancer: Enhancer) -> Iterator[httpx.Client]:
    """Of a page with a network that interpolates; one megabyte a request."""
    with serve(enhancer) as running:
        yield running


@pytest.fixture(scope="module")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A headless browser."""
    with Chromium(chromium, tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
def scan_file(tmp_path: Path) -> Path:
    """A noisy axial scan of three slices of 48 x 64 pixels of 3.75 mm."""
    clean = phantom_scan(1, "T2w", slices=3).voxels[24:168:3, ::3]
    noise = np.random.default_rng(0).normal(0, 0.02, (2, *clean.shape))
    voxels = np.hypot(clean + noise[0], noise[1]).astype(np.float32)
    path = tmp_path / "sub-01_T2w.nii.gz"
    write_scan(Scan(voxels, np.diag([3.75, 3.75, 5.5, 1.0])), path)
    return path
