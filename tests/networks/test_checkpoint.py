"""A model and its description on disk: what comes back, and what is not written."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import lfsr_tf
from lfsr_tf.errors import ModelError, OutputError
from lfsr_tf.networks import ModelInfo, ResidualSR, build_network, load_model, save_model
from lfsr_tf.precision import dtype_policy
from tests.networks.conftest import INFO, SETTINGS
from tests.warm import WarmProcess


def test_the_description_comes_back_as_it_was(run: Path) -> None:
    assert load_model(run).info == INFO


def test_a_folder_and_its_file_name_the_same_model(run: Path) -> None:
    image = np.random.default_rng(0).random((1, 6, 5, 1)).astype("float32")
    assert np.array_equal(load_model(run).model(image), load_model(run / "best.keras").model(image))


def test_what_is_not_known_stays_unknown(tmp_path: Path) -> None:
    info = ModelInfo("plain", "ResidualSR", SETTINGS, 2)
    save_model(ResidualSR(**SETTINGS), info, tmp_path / "best.keras")
    assert load_model(tmp_path).info == info


def test_a_network_of_ones_own_can_be_saved_and_loaded(tmp_path: Path) -> None:
    image = keras.Input((None, None, 1))
    model = keras.Model(image, keras.layers.Conv2DTranspose(1, 3, strides=2, padding="same")(image))
    save_model(model, ModelInfo("mine", "Mine", {}, 2), tmp_path / "best.keras")
    assert load_model(tmp_path).model.count_params() == 10


OWN_MODULE = """
import keras, lfsr_tf

@keras.saving.register_keras_serializable(package="mine")
class Kept(keras.layers.Layer):
    def call(self, maps):
        return maps

    def input_range(self, sample):
        return range(sample, sample + 1)

image = keras.Input((None, None, 1))
network = keras.Model(image, keras.layers.UpSampling2D(2)(Kept(name="kept")(image)))
info = lfsr_tf.ModelInfo("mine", "Mine", {}, 2)
"""


class Unregistered(keras.layers.Layer):
    """A layer that no other process knows."""

    def call(self, maps: object) -> object:
        return maps


class UnregisteredModel(keras.Model):
    """A functional model of a class that no other process knows."""

    def __init__(self, **kwargs: Any) -> None:
        image = keras.Input((None, None, 1))
        super().__init__(image, keras.layers.UpSampling2D(2, name="up")(image), **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


def model_of_a_class_of_ones_own() -> keras.Model:
    image = keras.Input((None, None, 1))
    maps = Unregistered(name="own")(image)
    return keras.Model(image, keras.layers.Conv2DTranspose(1, 2, strides=2, name="up")(maps))


@pytest.mark.parametrize("build", [model_of_a_class_of_ones_own, UnregisteredModel])
def test_a_class_that_keras_does_not_know_is_named(
    run: Path, tmp_path: Path, build: Callable[[], keras.Model]
) -> None:
    model = build()
    with pytest.raises(ModelError, match=r"again\. Received: .*'Unregistered.*register_keras_serializable"):
        save_model(model, ModelInfo("mine", "Mine", {}, 2), tmp_path / "best.keras")
    assert not (tmp_path / "best.keras").exists()
    model.save(run / "best.keras")
    with pytest.raises(ModelError, match=r"cannot be loaded .*'Unregistered") as refused:
        load_model(run)
    assert "\n" not in str(refused.value) and "Copy it again" not in str(refused.value)
    assert "In Python, import the module that registers the class before" in str(refused.value)


def run_in(folder: Path, code: str) -> None:
    """What Python does with the code in a folder."""
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    exec(code)


def test_a_registered_class_is_found_once_its_module_is_imported(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN_MODULE)

    def run_python(code: str) -> tuple[int, str]:
        process = WarmProcess(run_in, tmp_path, code, log=tmp_path / "log.txt")
        return process.wait(300), process.communicate()[1]

    save = "import lfsr_tf, mine; lfsr_tf.save_model(mine.network, mine.info, 'own/model.keras')"
    for code in (save, "import lfsr_tf, mine; lfsr_tf.load_model('own/model.keras')"):
        status, printed = run_python(code)
        assert status == 0, printed
    status, printed = run_python("import lfsr_tf; lfsr_tf.load_model('own/model.keras')")
    refused = printed.splitlines()[-1]
    assert status == 1
    assert "'Kept'" in refused and "import the module that registers the class before" in refused


def test_the_steps_of_a_compiled_model_are_its_optimizers(tmp_path: Path) -> None:
    model = ResidualSR(**SETTINGS)
    model.compile("adam", "mse")
    model.fit(np.ones((6, 4, 4, 1)), np.ones((6, 8, 8, 1)), batch_size=2, verbose=0)
    for told, expected in ((0, 3), (700, 700)):
        save_model(model, dataclasses.replace(INFO, trained_steps=told), tmp_path / "best.keras")
        assert load_model(tmp_path).info.trained_steps == expected


def test_a_network_that_no_scan_can_be_enhanced_with_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image = keras.Input((None, None, 1))
    smooth = keras.layers.Conv2D(1, 3, strides=2, padding="same", name="strided")(image)
    up = keras.layers.UpSampling2D(4, name="up")(smooth)
    save_model(keras.Model(image, up), ModelInfo("mine", "Mine", {}, 2), tmp_path / "best.keras")
    (record,) = caplog.records
    assert record.levelname == "WARNING" and "\n" not in record.getMessage()
    assert "no scan can be enhanced with" in record.getMessage() and "strided" in record.getMessage()
    assert load_model(tmp_path).info.name == "mine"


def test_nothing_is_told_of_others(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    trained = load_model(run)
    save_model(trained.model, trained.info, run / "best.keras")
    assert not caplog.records


def test_a_loss_of_ones_own_is_no_hindrance(tmp_path: Path) -> None:
    def own_loss(truth: Any, given: Any) -> Any:
        return keras.ops.abs(truth - given)

    model = ResidualSR(**SETTINGS)
    model.compile("adam", own_loss)
    save_model(model, INFO, tmp_path / "best.keras")
    assert load_model(tmp_path).info == INFO


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("network", ["ResidualSR", "SelfEnsemble"])
def test_the_precision_is_the_models_own_whatever_its_description_says(
    tmp_path: Path, policy: str, network: str
) -> None:
    with dtype_policy(policy):
        model = build_network(network, **SETTINGS)
    info = ModelInfo("test", network, SETTINGS, 2, dtype_policy="float16")
    save_model(model, info, tmp_path / "best.keras")
    # Another one for the process, as in a script that trains on in mixed precision.
    with dtype_policy("mixed_float16"):
        loaded = load_model(tmp_path)
        assert loaded.info.dtype_policy == policy
        save_model(loaded.model, loaded.info, tmp_path / "best.keras")
    assert load_model(tmp_path).info.dtype_policy == policy


def test_a_network_within_a_network_has_the_precision_of_its_layers(tmp_path: Path) -> None:
    image = keras.Input((None, None, 1))
    outer = keras.Model(image, ResidualSR(**SETTINGS)(image))
    save_model(outer, ModelInfo("mine", "Mine", {}, 2), tmp_path / "best.keras")
    with dtype_policy("mixed_bfloat16"):
        assert load_model(tmp_path).info.dtype_policy == "float32"


def test_a_network_of_ones_own_is_described_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"network's scale, 2\. Received: scale=4"):
        save_model(ResidualSR(**SETTINGS), ModelInfo("mine", "Mine", {}, 4), tmp_path / "best.keras")
    image = keras.Input((None, None, 1))
    twice = keras.Model(image, [keras.layers.UpSampling2D(2)(image) for _ in range(2)])
    with pytest.raises(ModelError, match=r"enlarges \[1, 16, 16, 1\]"):
        save_model(twice, ModelInfo("mine", "Mine", {}, 2), tmp_path / "best.keras")
    assert not list(tmp_path.iterdir())


def test_saving_again_replaces_the_model(run: Path) -> None:
    save_model(
        ResidualSR(blocks=2, filters=4),
        ModelInfo("two", "ResidualSR", {"blocks": 2, "filters": 4}, 2),
        run / "best.keras",
    )
    assert load_model(run).info.name == "two"
    assert sorted(path.name for path in run.iterdir()) == ["best.keras", "model.json"]


def test_the_description_is_among_the_names_of_the_package() -> None:
    assert lfsr_tf.ModelInfo is ModelInfo
    assert "ModelInfo" in lfsr_tf.__all__


def test_keras_itself_loads_a_model_once_the_networks_are_imported(run: Path) -> None:
    code = f"import keras, lfsr_tf.networks; print(keras.saving.load_model({str(run / 'best.keras')!r}).name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "residual_sr"


def test_a_file_name_that_keras_would_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"ending in \.keras"):
        save_model(ResidualSR(**SETTINGS), INFO, tmp_path / "best.h5")


def test_a_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        save_model(ResidualSR(**SETTINGS), INFO, tmp_path / "file" / "best.keras")


def test_a_failed_save_leaves_the_old_model(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (run / "best.keras").read_bytes()

    def fail(path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    model = ResidualSR(**SETTINGS)
    monkeypatch.setattr(model, "save", fail)
    with pytest.raises(OutputError, match="No space left"):
        save_model(model, INFO, run / "best.keras")
    assert (run / "best.keras").read_bytes() == before
    assert sorted(path.name for path in run.iterdir()) == ["best.keras", "model.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": {"val_psnr": float("nan")}}, "plain, finite values"),
        ({"metrics": {"val_psnr": {1, 2}}}, "plain, finite values"),
        ({"sigma_range": (0.1,)}, "plain, finite values"),
        ({"settings": {"blocks": 1, "filters": 8}}, "another architecture"),
        ({"settings": {"colour": "red"}}, "do not fit its network"),
        ({"network": "UNetSR", "settings": {}}, "another architecture"),
        ({"scale": 4}, "network's scale, 2. Received: scale=4"),
    ],
)
def test_a_description_that_would_not_be_loaded_leaves_both_files(
    run: Path, change: dict[str, object], message: str
) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    with pytest.raises(ModelError, match=message) as caught:
        save_model(ResidualSR(**SETTINGS), dataclasses.replace(INFO, **change), run / "best.keras")
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_numbers_of_numpy_are_written_as_plain_ones(run: Path) -> None:
    info = dataclasses.replace(
        INFO,
        settings={"blocks": np.int64(1), "filters": np.int32(4), "noise_level": np.bool_(False)},
        scale=np.int64(2),
        sigma_range=(np.float32(0.0), np.float64(0.08)),
        metrics={"val_psnr": np.float32(30.5)},
    )
    save_model(ResidualSR(**SETTINGS), info, run / "best.keras")
    assert load_model(run).info == dataclasses.replace(INFO, settings={**SETTINGS, "noise_level": False})


def test_no_description_is_written_over_that_of_another_model(run: Path) -> None:
    with pytest.raises(OutputError, match=r"beside best\.keras"):
        save_model(ResidualSR(**SETTINGS), INFO, run / "other.keras")
    assert sorted(path.name for path in run.iterdir()) == ["best.keras", "model.json"]
    for name in ("last.keras", "best.keras"):
        save_model(ResidualSR(**SETTINGS), INFO, run / name)
