"""What a server runs for several requests at once: no operation that only one run at a time may use."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.networks import ModelInfo, TrainedModel, build_network
from lfsr_tf.serving import export_model
from lfsr_tf.serving.concurrency import keep_summands_apart, may_be_joined
from lfsr_tf.serving.export import enhancing, save_functions
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.signatures import SIGNATURES
from tests.serving.one_signature import only_the_default

SETTINGS = {"blocks": [2, 2], "filters": [8, 12]}
# Two on the fine grid before the coarse one, two on that, two after it.
RESIDUAL_BLOCKS = 6
IMAGES = np.random.default_rng(0).random((4, 1, 24, 20, 1), np.float32)


@pytest.fixture(scope="module")
def residual() -> TrainedModel:
    model = build_network("UNetSR", **SETTINGS)
    generator = np.random.default_rng(0)
    model.set_weights([generator.normal(0, 0.2, weight.shape) for weight in model.get_weights()])
    return TrainedModel(model, ModelInfo("residual", "UNetSR", SETTINGS, 2))


@pytest.fixture(scope="module")
def careless(residual: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network as TensorFlow saves it."""
    folder = tmp_path_factory.mktemp("careless")
    function = SIGNATURES["serving_default"].build(enhancing(residual.model))
    save_functions(residual.model, {"serving_default": function}, folder)
    return folder


@pytest.fixture(scope="module")
def careful(residual: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same signature of an export."""
    with only_the_default():
        return export_model(residual, tmp_path_factory.mktemp("careful"), warm_up=(), check=False)


def fused(folder: Path) -> Iterator[list[str]]:
    """What TensorFlow joined in the graph that it runs, as a server's session does."""
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session, session.graph.as_default():
        loaded = tf.compat.v1.saved_model.loader.load(session, ["serve"], str(folder))
        signature = loaded.signature_def["serving_default"]
        found: Any = tf.compat.v1.RunMetadata()
        session.run(
            signature.outputs["sr"].name,
            {signature.inputs["image"].name: IMAGES[0]},
            options=tf.compat.v1.RunOptions(output_partition_graphs=True),
            run_metadata=found,
        )
    for graph in found.partition_graphs:
        for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
            yield from (
                [name.decode() for name in node.attr["fused_ops"].list.s]
                for node in nodes
                if "fused_ops" in node.attr
            )


def test_tensorflow_would_join_a_convolution_with_the_addition_after_it(careless: Path) -> None:
    # Where this fails, TensorFlow has changed, and keeping them apart may not be needed any more.
    assert ["BiasAdd", "Add"] in list(fused(careless))
    assert may_be_joined(careless)


def test_an_exported_model_has_them_apart(careful: Path) -> None:
    joined = list(fused(careful))
    assert joined and not any("Add" in names for names in joined)
    assert not may_be_joined(careful)


def test_keeping_them_apart_changes_no_answer(careless: Path, careful: Path) -> None:
    before, after = (
        tf.saved_model.load(str(folder)).signatures["serving_default"] for folder in (careless, careful)
    )
    for image in IMAGES:
        expected = before(image=tf.constant(image))["sr"].numpy()
        found = after(image=tf.constant(image))["sr"].numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


def test_every_residual_is_found_and_only_once(
    careless: Path, residual: TrainedModel, tmp_path: Path
) -> None:
    function = SIGNATURES["serving_default"].build(enhancing(residual.model))
    save_functions(residual.model, {"serving_default": function}, tmp_path)
    assert keep_summands_apart(tmp_path) >= RESIDUAL_BLOCKS
    assert keep_summands_apart(tmp_path) == 0


@pytest.mark.parametrize("kind", ["careless", "careful"])
def test_many_requests_at_once_are_answered_as_each_alone(kind: str, request: pytest.FixtureRequest) -> None:
    servable = Servable(request.getfixturevalue(kind))
    alone = [servable.predict("", {"image": image})["sr"] for image in IMAGES]

    def differing(number: int) -> int:
        image, expected = IMAGES[number], alone[number]
        answers = (servable.predict("", {"image": image})["sr"] for _ in range(200))
        return sum(not np.array_equal(answer, expected) for answer in answers)

    with ThreadPoolExecutor(len(IMAGES)) as pool:
        assert list(pool.map(differing, range(len(IMAGES)))) == [0] * len(IMAGES)
    servable.close()
