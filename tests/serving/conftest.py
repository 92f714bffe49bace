"""A small exported model for the tests of serving."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.networks import ModelInfo, TrainedModel, build_network
from lfsr_tf.serving import export_model
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.signatures import SIGNATURES
from tests.serving.one_signature import only_the_default

SETTINGS = {
    "variant": "all",
    "blocks": 1,
    "layers_per_block": 2,
    "growth": 4,
    "stem_filters": 8,
    "bottleneck": 8,
}


@pytest.fixture(scope="session")
def trained() -> TrainedModel:
    """A small SRDenseNet with random weights."""
    model = build_network("SRDenseNet", **SETTINGS)
    generator = np.random.default_rng(0)
    model.set_weights([generator.normal(0, 0.2, weight.shape) for weight in model.get_weights()])
    return TrainedModel(model, ModelInfo("small", "SRDenseNet", SETTINGS, 2, sigma_range=(0.0, 0.08)))


@pytest.fixture(scope="session")
def exported(trained: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its first exported version."""
    return export_model(trained, tmp_path_factory.mktemp("models"), check=False)


@pytest.fixture(scope="session")
def servable(exported: Path) -> Iterator[Servable]:
    """This version in memory, once for all tests, whose requests have deadlines: first runs take seconds."""
    loaded = Servable(exported)
    for name, signature in SIGNATURES.items():
        loaded.predict(name, signature.example(np.ones((1, 8, 8), np.float32)))
    yield loaded
    loaded.close()


@pytest.fixture
def one_signature() -> Iterator[None]:
    """Only `serving_default` is exported and checked."""
    with only_the_default():
        yield
