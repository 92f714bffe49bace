import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError, ModelError, OutputError
from lfsr_tf.models import provenance
from lfsr_tf.networks import ModelInfo, TrainedModel, build_network
from lfsr_tf.networks.trained import OWN_NETWORK
from lfsr_tf.networks.traits import traits_of
from lfsr_tf.serving import export_model
from lfsr_tf.serving.concurrency import may_be_joined
from lfsr_tf.serving.signatures import SIGNATURES


@pytest.fixture(scope="module")
def in_bfloat16(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of a network of few layers, one of which ends in an addition."""
    settings = {"blocks": 1, "filters": 4}
    tiny = TrainedModel(build_network("ResidualSR", **settings), ModelInfo("tiny", "ResidualSR", settings, 2))
    return export_model(tiny, tmp_path_factory.mktemp("tiny"), dtype="mixed_bfloat16", check=False)


@pytest.fixture
def no_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the graph, which takes seconds to write: for tests of the files around it."""
    monkeypatch.setattr("lfsr_tf.serving.export.save_signatures", lambda *_: None)


def test_a_version_is_checked_and_put_where_a_server_looks(trained: TrainedModel, tmp_path: Path) -> None:
    folder = export_model(trained, tmp_path / "base", "brain")
    assert folder == tmp_path / "base" / "brain" / "1"
    assert sorted(path.name for path in folder.iterdir() if path.name != "fingerprint.pb") == [
        "assets",
        "assets.extra",
        "metadata.json",
        "saved_model.pb",
        "variables",
    ]
    assert [path.name for path in (tmp_path / "base" / "brain").iterdir()] == ["1"]


@pytest.mark.usefixtures("no_graph")
def test_a_bare_keras_model_is_exported_with_what_can_be_seen_of_it(
    trained: TrainedModel, tmp_path: Path
) -> None:
    folder = export_model(trained.model, tmp_path, check=False)
    metadata = json.loads((folder / "metadata.json").read_text())
    assert (metadata["model"]["name"], metadata["model"]["network"]) == (trained.model.name, OWN_NETWORK)


@pytest.mark.usefixtures("no_graph")
def test_versions_count_on(trained: TrainedModel, tmp_path: Path) -> None:
    (tmp_path / "lfsr" / "7").mkdir(parents=True)
    (tmp_path / "lfsr" / "notes").mkdir()
    assert export_model(trained, tmp_path, check=False).name == "8"
    assert export_model(trained, tmp_path, check=False, version=20).name == "20"


def test_each_weight_is_stored_once(trained: TrainedModel, exported: Path) -> None:
    stored = tf.train.list_variables(str(exported / "variables" / "variables"))
    numbers = [
        int(np.prod(shape)) for name, shape in stored if "OBJECT_GRAPH" not in name and "counter" not in name
    ]
    assert sum(numbers) == trained.model.count_params()


def test_the_metadata_says_what_the_model_is(trained: TrainedModel, exported: Path) -> None:
    metadata = json.loads((exported / "metadata.json").read_text())
    assert (metadata["name"], metadata["version"]) == ("lfsr", 1)
    assert metadata["model"]["network"] == "SRDenseNet"
    assert metadata["model"]["sigma_range"] == [0.0, 0.08]
    assert set(metadata["signatures"]) == {*SIGNATURES, "metadata"}
    assert metadata["traits"] == asdict(traits_of(trained.model))
    assert set(metadata["packages"]) == {"lfsr_tf", "tensorflow", "keras"}
    assert "not for diagnosis" in metadata["intended_use"]


@pytest.mark.usefixtures("no_graph")
def test_the_metadata_says_where_a_model_comes_from(trained: TrainedModel, tmp_path: Path) -> None:
    about = provenance("fast")
    assert any("Ljubljana" in source for source in about["training_data"])
    folder = export_model(trained, tmp_path, provenance=about, check=False)
    metadata = json.loads((folder / "metadata.json").read_text())
    assert {key: metadata[key] for key in about} == about
    assert metadata["licence"] == "Apache-2.0"


def test_where_a_model_of_one_s_own_comes_from_is_not_made_up(exported: Path) -> None:
    assert provenance(exported) == {}
    metadata = json.loads((exported / "metadata.json").read_text())
    assert metadata["licence"].startswith("Not stated")
    assert "Magnitudes from 0 on" in metadata["value_range"]


def test_signatures_name_their_inputs_and_outputs(exported: Path) -> None:
    signatures = tf.saved_model.load(str(exported)).signatures
    named = {
        name: (sorted(function.structured_input_signature[1]), sorted(function.structured_outputs))
        for name, function in signatures.items()
    }
    expected = {
        "serving_default": (["image"], ["sr"]),
        "kspace": (["imaginary", "real"], ["sr"]),
        "kspace_complex": (["kspace"], ["sr"]),
        "png": (["png_bytes"], ["sr_png_bytes"]),
        "volume": (["volume"], ["sr"]),
        "network": (["image", "noise_level"], ["sr"]),
        "metadata": (["about"], ["json"]),
    }
    assert {name: named[name] for name in expected} == expected


def test_the_dtype_can_be_chosen(in_bfloat16: Path) -> None:
    function = tf.saved_model.load(str(in_bfloat16)).signatures["serving_default"]
    assert function.structured_outputs["sr"].dtype == tf.float32
    metadata = json.loads((in_bfloat16 / "metadata.json").read_text())
    assert metadata["model"]["dtype_policy"] == "mixed_bfloat16"


def test_summands_are_kept_apart_in_every_signature(in_bfloat16: Path) -> None:
    assert not may_be_joined(in_bfloat16)


def test_a_version_that_stands_is_not_touched(trained: TrainedModel, tmp_path: Path) -> None:
    (tmp_path / "lfsr" / "3").mkdir(parents=True)
    with pytest.raises(OutputError, match="which exists"):
        export_model(trained, tmp_path, version=3)
    assert list((tmp_path / "lfsr" / "3").iterdir()) == []


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "a b"])
def test_a_name_that_a_server_would_not_find_is_refused(
    name: str, trained: TrainedModel, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="model name"):
        export_model(trained, tmp_path, name)


@pytest.mark.parametrize("version", [0, -1, 2**63])
def test_a_version_that_no_server_knows_is_refused(
    version: int, trained: TrainedModel, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="version from 1 to 9223372036854775807"):
        export_model(trained, tmp_path, version=version)


def test_a_network_for_other_images_is_refused(tmp_path: Path) -> None:
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.UpSampling2D(2)(inputs))
    with pytest.raises(ModelError, match=r"\(None, None, None, 1\)"):
        export_model(TrainedModel(model, ModelInfo("odd", "own", {}, 2)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_base_that_is_a_file_is_one_line(trained: TrainedModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cannot write"):
        export_model(trained, tmp_path / "file")


# The first is too little for the variables, the second for the graph.
@pytest.mark.parametrize("limit", [2_000, 60_000])
@pytest.mark.usefixtures("one_signature")
def test_a_full_disk_leaves_no_version_behind(
    limit: int,
    trained: TrainedModel,
    tmp_path: Path,
    full_disk: Callable[[int], AbstractContextManager[None]],
) -> None:
    with full_disk(limit), pytest.raises(OutputError, match="Cannot write"):
        export_model(trained, tmp_path, check=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_graph")
def test_a_version_that_fails_the_check_never_appears(
    trained: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise ModelError("the C++ loader refuses it")

    monkeypatch.setattr("lfsr_tf.serving.export.check_saved_model", failing)
    with pytest.raises(ModelError, match="refuses it"):
        export_model(trained, tmp_path)
    assert list(tmp_path.iterdir()) == []
