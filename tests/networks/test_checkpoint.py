"""A model and its description on disk: what comes back, and what is refused in one line."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import lfsr_tf
from lfsr_tf.errors import ModelError, OutputError
from lfsr_tf.networks import ModelInfo, ResidualSR, SRDenseNet, load_model, save_model
from lfsr_tf.networks.checkpoint import check_can_be_loaded

SETTINGS = {"blocks": 1, "filters": 4}
INFO = ModelInfo(
    name="test",
    network="ResidualSR",
    settings=SETTINGS,
    scale=2,
    version=3,
    sigma_range=(0.0, 0.08),
    spacing_range_mm=(1.0, 4.5),
    data_fingerprint="abc",
    trained_steps=7,
    package_version="0.1.0",
    metrics={"val_psnr": 30.5},
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder with a model, as training leaves it."""
    save_model(ResidualSR(**SETTINGS), INFO, tmp_path / "run" / "best.keras")
    return tmp_path / "run"


def refusal(path: Path) -> str:
    """The message of the refusal, checked to be one line."""
    with pytest.raises(ModelError) as caught:
        load_model(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


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


class Unregistered(keras.layers.Layer):
    """A layer that no other process knows."""

    def call(self, maps: object) -> object:
        return maps


def test_a_class_that_keras_does_not_know_is_named(tmp_path: Path) -> None:
    image = keras.Input((None, None, 1))
    maps = Unregistered(name="own")(image)
    model = keras.Model(image, keras.layers.Conv2DTranspose(1, 2, strides=2, name="up")(maps))
    with pytest.raises(ModelError, match=r"again\. Received: .*'Unregistered'.*register_keras_serializable"):
        check_can_be_loaded(model)
    save_model(model, ModelInfo("mine", "Mine", {}, 2), tmp_path / "best.keras")
    with pytest.raises(
        ModelError, match=r"cannot be loaded .*'Unregistered'.*lfsr_tf/networks/registry\.py\."
    ):
        load_model(tmp_path)


def test_saving_again_replaces_the_model(run: Path) -> None:
    save_model(
        ResidualSR(blocks=2, filters=4),
        ModelInfo("two", "ResidualSR", {"blocks": 2, "filters": 4}, 2),
        run / "best.keras",
    )
    assert load_model(run).info.name == "two"
    assert sorted(path.name for path in run.iterdir()) == ["best.keras", "model.json"]


def test_a_missing_model_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "absent.keras")
    assert "does not exist" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04 nor a zip"])
def test_another_kind_of_file_is_refused(run: Path, content: bytes) -> None:
    (run / "best.keras").write_bytes(content)
    assert "another kind of file" in refusal(run)


@pytest.mark.parametrize("kept", [0.2, 0.9, 0.999])
def test_a_truncated_model_is_refused(run: Path, kept: float) -> None:
    content = (run / "best.keras").read_bytes()
    (run / "best.keras").write_bytes(content[: int(kept * len(content))])
    assert "cut off" in refusal(run)


def test_a_damaged_model_is_refused(run: Path) -> None:
    content = bytearray((run / "best.keras").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    (run / "best.keras").write_bytes(content)
    assert "cannot be loaded" in refusal(run)


def test_a_zip_of_something_else_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "note.txt").write_text("no model")
    archive = shutil.make_archive(str(tmp_path / "archive"), "zip", tmp_path / "other")
    shutil.copy(archive, run / "best.keras")
    assert "cannot be loaded" in refusal(run)


def test_a_model_with_code_inside_is_refused(run: Path) -> None:
    image = keras.Input((None, None, 1))
    keras.Model(image, keras.layers.Lambda(lambda x: x)(image)).save(run / "best.keras")
    assert "cannot be loaded" in refusal(run)


def test_a_model_without_its_description_is_refused(run: Path) -> None:
    (run / "model.json").unlink()
    assert "model.json beside the model" in refusal(run)
    assert "or write both with lfsr_tf.save_model" in refusal(run)


def test_the_description_is_among_the_names_of_the_package() -> None:
    assert lfsr_tf.ModelInfo is ModelInfo
    assert "ModelInfo" in lfsr_tf.__all__


def test_keras_itself_loads_a_model_once_the_networks_are_imported(run: Path) -> None:
    code = f"import keras, lfsr_tf.networks; print(keras.saving.load_model({str(run / 'best.keras')!r}).name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "residual_sr"


@pytest.mark.parametrize("text", ["", "{", "[1]", "{}", '{"schema_version": 2}'])
def test_a_damaged_or_foreign_description_is_refused(run: Path, text: str) -> None:
    (run / "model.json").write_text(text)
    assert "model.json" in refusal(run)


@pytest.mark.parametrize(
    "change", [{"colour": "red"}, {"sigma_range": [1.0]}, {"settings": 3}, {"settings": {"colour": 1}}]
)
def test_a_description_with_wrong_values_is_refused(run: Path, change: dict[str, object]) -> None:
    values = json.loads((run / "model.json").read_text())
    (run / "model.json").write_text(json.dumps({**values, **change}))
    assert "Expected a model description" in refusal(run)


def test_a_checkpoint_of_another_architecture_is_refused(run: Path) -> None:
    SRDenseNet(blocks=1, layers_per_block=2).save(run / "best.keras")
    assert "another architecture" in refusal(run)


def test_a_checkpoint_of_other_settings_is_refused(run: Path) -> None:
    ResidualSR(blocks=1, filters=8).save(run / "best.keras")
    assert "another architecture" in refusal(run)


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
