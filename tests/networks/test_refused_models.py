"""What is no model, or is not what it says, is refused in one line when it is loaded."""

import io
import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import pytest

from lfsr_tf.errors import ModelError
from lfsr_tf.networks import ResidualSR, SRDenseNet, load_model
from tests.memory import memory_now, memory_peak


def refusal(path: Path) -> str:
    """The message of the refusal, checked to be one line."""
    with pytest.raises(ModelError) as caught:
        load_model(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


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


@pytest.mark.parametrize(("place", "content"), [(0, b"no"), (6, b"\x63\0")], ids=["signature", "version"])
def test_a_damaged_table_of_contents_is_refused(run: Path, place: int, content: bytes) -> None:
    data = bytearray((run / "best.keras").read_bytes())
    start = data.rindex(b"PK\x01\x02") + place
    data[start : start + 2] = content
    (run / "best.keras").write_bytes(data)
    assert "another kind of file or cut off" in refusal(run)


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
    assert "stored unpacked" in refusal(run)
    with zipfile.ZipFile(run / "best.keras", "w") as unpacked:
        unpacked.writestr("note.txt", "no model")
    assert "cannot be loaded" in refusal(run)


def test_a_model_with_code_inside_is_refused(run: Path) -> None:
    image = keras.Input((None, None, 1))
    keras.Model(image, keras.layers.Lambda(lambda x: x)(image)).save(run / "best.keras")
    assert "cannot be loaded" in refusal(run)


def test_a_model_without_its_description_is_refused(run: Path) -> None:
    (run / "model.json").unlink()
    assert "model.json beside the model" in refusal(run)
    assert "or write both with lfsr_tf.save_model" in refusal(run)


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


@pytest.mark.parametrize(
    "change",
    [
        {"scale": 0},
        {"scale": 4},
        {"scale": "2"},
        {"version": "../../x"},
        {"name": 3},
        {"sigma_range": [float("nan"), 1.0]},
        {"settings": {"filters": 10**7}},
    ],
    ids=str,
)
def test_a_description_that_cannot_be_true_is_refused(run: Path, change: dict[str, object]) -> None:
    values = json.loads((run / "model.json").read_text())
    (run / "model.json").write_text(json.dumps({**values, **change}))
    assert "Expected a model description" in refusal(run)


def test_the_precision_is_that_of_the_layers_whatever_the_description_says(run: Path) -> None:
    values = json.loads((run / "model.json").read_text())
    (run / "model.json").write_text(json.dumps({**values, "dtype_policy": "mixed_bfloat16"}))
    assert load_model(run).info.dtype_policy == "float32"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_packed_model_is_refused_before_it_is_unfolded(run: Path, method: int) -> None:
    with zipfile.ZipFile(run / "best.keras", "w", method) as archive:
        archive.writestr("config.json", b" " * 2**20)
    assert "stored unpacked" in refusal(run)


@pytest.mark.parametrize("sizes", [(10, 10**9), (10**9, 10**9)], ids=["unfolded", "both"])
def test_entries_that_declare_more_than_the_file_holds_are_refused(run: Path, sizes: tuple[int, int]) -> None:
    data = bytearray((run / "best.keras").read_bytes())
    struct.pack_into("<II", data, data.rindex(b"PK\x01\x02") + 20, *sizes)
    (run / "best.keras").write_bytes(data)
    assert "stored unpacked" in refusal(run)


def rewritten(run: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """The model with another content of one entry."""
    with zipfile.ZipFile(run / "best.keras") as archive:
        entries = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(run / "best.keras", "w") as archive:
        for entry, content in entries.items():
            archive.writestr(entry, change(content) if entry == name else content)


@pytest.mark.parametrize("filters", [b"60000", b"2000000000"])
def test_a_network_of_more_weights_than_the_file_holds_is_not_built(run: Path, filters: bytes) -> None:
    load_model(run)  # so that what it costs once is not counted
    for known in (b'"filters": 4', b"null, 4"):
        wider = known.replace(b"4", filters)
        rewritten(run, "config.json", lambda text, known=known, wider=wider: text.replace(known, wider))
    before = memory_now()
    assert "a network of " in refusal(run)
    assert memory_peak() - before < 2**10 * 2**18


def test_weights_that_are_declared_and_stand_nowhere_are_refused(run: Path) -> None:
    def declared(content: bytes) -> bytes:
        stream = io.BytesIO(content)
        with h5py.File(stream, "r+") as weights:
            weights.create_dataset("layers/more", (10**5, 10**5), "f4", chunks=True)
        return stream.getvalue()

    rewritten(run, "model.weights.h5", declared)
    assert "declared in" in refusal(run)


@pytest.mark.parametrize(
    ("network", "settings"),
    [
        ("SRDenseNet", {"blocks": 10**9}),
        ("SRDenseNet", {"blocks": 100, "layers_per_block": 100}),
        ("SRDenseNet", {"blocks": 1, "layers_per_block": 1, "growth": 2**31 - 1}),
        ("UNetSR", {"filters": [8, 8], "blocks": [1, 3000]}),
        ("SelfEnsemble", {"blocks": 1, "filters": 2**31 - 1}),
    ],
    ids=str,
)
def test_settings_of_a_size_that_no_network_has_are_refused(
    run: Path, network: str, settings: dict[str, object]
) -> None:
    values = json.loads((run / "model.json").read_text())
    (run / "model.json").write_text(json.dumps({**values, "network": network, "settings": settings}))
    assert "at most" in refusal(run)


def test_the_widest_settings_are_compared_without_memory_for_their_weights(run: Path) -> None:
    values = json.loads((run / "model.json").read_text())
    (run / "model.json").write_text(json.dumps({**values, "settings": {"blocks": 2, "filters": 60000}}))
    assert "another architecture" in refusal(run)
