"""The same model in OpenVINO's runtime."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError, ModelError, OutputError
from lfsr_tf.models import load_model
from lfsr_tf.networks import TrainedModel
from lfsr_tf.serving import export_model, openvino as export
from lfsr_tf.serving.openvino import Accuracy, export_openvino
from tests.serving.one_signature import only_the_default


def low_field(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Discs in noise [N, H, W, 1], in the hundreds."""
    rows, columns = np.mgrid[-1 : 1 : shape[1] * 1j, -1 : 1 : shape[2] * 1j]
    disc = (np.hypot(rows, columns) < 0.7) * (1 + 0.3 * np.cos(9 * rows))
    noise = np.random.default_rng(seed).normal(0, 0.04, (*shape, 2)) @ [1, 1j]
    return (300 * np.abs(disc + noise)).astype(np.float32)[..., None]


@pytest.fixture(scope="module")
def fast() -> TrainedModel:
    return load_model("fast")


@pytest.fixture(scope="module")
def folder(fast: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_openvino(fast, tmp_path_factory.mktemp("openvino"), "brain")


@pytest.fixture(scope="module")
def saved(fast: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What TensorFlow is given of the same model: the one signature that OpenVINO has."""
    with only_the_default():
        return export_model(fast, tmp_path_factory.mktemp("saved"), warm_up=(), check=False)


@pytest.fixture(scope="module")
def in_tensorflow(saved: Path) -> Callable[[np.ndarray], np.ndarray]:
    loaded = tf.saved_model.load(str(saved))
    return lambda images: loaded.signatures["serving_default"](image=tf.constant(images))["sr"].numpy()


@pytest.fixture(scope="module")
def in_float32(folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    compiled = openvino.Core().compile_model(folder / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda images: compiled({"image": images})["sr"]


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 47, 40), (2, 5, 6), (1, 1, 1)])
def test_it_answers_as_tensorflow_does_in_float32(
    shape: tuple[int, ...],
    in_tensorflow: Callable[[np.ndarray], np.ndarray],
    in_float32: Callable[[np.ndarray], np.ndarray],
) -> None:
    images = low_field(shape)
    expected, found = in_tensorflow(images), in_float32(images)
    assert np.abs(found - expected).max() <= 1e-5 * expected.max()


def test_the_folder_is_a_version_with_its_description(folder: Path) -> None:
    assert (folder.parent.name, folder.name) == ("brain", "1")
    assert {path.name for path in folder.iterdir()} == {"model.xml", "model.bin", "metadata.json"}
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    assert list(metadata["signatures"]) == ["serving_default"]
    assert metadata["openvino"]["version"] == openvino.__version__


def test_the_loss_of_accuracy_is_measured(folder: Path) -> None:
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    found = {row["precision"]: row for row in metadata["openvino"]["accuracy"]}
    assert found["f32"]["largest_difference"] < 1e-5
    assert abs(found["f32"]["psnr_loss_db"]) < 1e-3
    able = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    assert ("bf16" in found) == ("BF16" in able)
    if "bf16" in found:
        assert 1e-5 < found["bf16"]["largest_difference"] < 0.1
        assert found["bf16"]["psnr_loss_db"] < 0.1


@pytest.mark.parametrize("difference", [0.02, np.nan])
def test_a_model_that_answers_otherwise_is_not_left_behind(
    difference: float, fast: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "accuracy", lambda *_: [Accuracy("f32", difference, 0.0)])
    with pytest.raises(ModelError, match=rf"a difference of {difference:g}"):
        export_openvino(fast, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    fast: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **options: object) -> None:
        raise RuntimeError("Check 'bin_file' failed at serialize.cpp:\nNo space left on device")

    monkeypatch.setattr(openvino, "save_model", full)
    with pytest.raises(OutputError, match=r"^Cannot write .*model\.xml: .* No space left on device\. Check"):
        export_openvino(fast, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_the_package_it_says_how_to_get_it(
    fast: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="Received: none"):
        export_openvino(fast, tmp_path)
    assert list(tmp_path.iterdir()) == []
