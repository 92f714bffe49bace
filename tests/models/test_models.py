"""Shipped models: the catalogue, the cards, and a loader that takes nothing but the right weights."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save, save_file

from lfsr_tf.errors import ModelError
from lfsr_tf.models import ModelCard, list_models, load_default, load_model, read_card
from lfsr_tf.models.card import NOT_A_DEVICE
from lfsr_tf.models.catalogue import DEFAULT, SHIPPED, provenance
from lfsr_tf.models.weights import load_shipped
from lfsr_tf.networks import (
    ModelInfo,
    TrainedModel,
    UNetSR,
    build_network,
    multiply_adds,
    save_model,
    takes_noise_level,
    with_noise_level,
)
from lfsr_tf.precision import native_policy
from lfsr_tf.training import load_preset
from studies.page import renewed
from studies.publish import publish, write_weights
from studies.ship import card_text, tables

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"filters": [4, 6], "blocks": [1, 1]}
TEXT = {"summary": "small", "training": "none", "data": ["nobody"], "known_failures": ["all of them"]}


@pytest.fixture
def small() -> TrainedModel:
    keras.utils.set_random_seed(1)
    return TrainedModel(UNetSR(**SETTINGS), ModelInfo("own", "UNetSR", SETTINGS, 2, sigma_range=(0.0, 0.1)))


@pytest.fixture
def shipped(small: TrainedModel, tmp_path: Path) -> Path:
    publish(small, "small", tmp_path, **TEXT)
    return tmp_path


every_model = pytest.mark.parametrize("name", list_models())


def test_the_default_is_there_and_all_weights_stay_below_30_mb() -> None:
    assert DEFAULT in list_models()
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 30e6


@pytest.mark.parametrize("name", sorted({"paper", "fast", "best"} & set(list_models())))
def test_the_preset_of_a_model_s_name_has_its_network(name: str) -> None:
    info, preset = read_card(name).info, load_preset(name)
    settings = dict(info.settings)
    network = settings.pop("of") if info.network == "SelfEnsemble" else info.network
    built = build_network(preset.network, **preset.network_settings)
    shipped = build_network(network, **settings)
    assert [(w.path, tuple(w.shape)) for w in built.weights] == [
        (w.path, tuple(w.shape)) for w in shipped.weights
    ]


@every_model
def test_every_shipped_model_loads_and_enlarges_any_slice(name: str) -> None:
    trained, card = load_model(name), read_card(name)
    lr = np.random.default_rng(0).random((1, 21, 18, 1)).astype("float32")
    sr = np.asarray(trained.model(with_noise_level(lr, 0.03) if takes_noise_level(trained.model) else lr))
    assert sr.shape == (1, 21 * card.info.scale, 18 * card.info.scale, 1)
    assert np.isfinite(sr).all()
    assert not np.allclose(sr[:, 1:], sr[:, :-1])
    assert dataclasses.replace(trained.info, dtype_policy=card.info.dtype_policy) == card.info
    assert trained.info.dtype_policy == native_policy(card.info.dtype_policy)
    assert card.parameters == trained.model.count_params()
    assert card.multiply_adds == multiply_adds(trained.model)


@every_model
def test_every_card_says_what_a_reader_needs(name: str) -> None:
    card = read_card(name)
    assert card.info.sigma_range and card.info.spacing_range_mm
    assert "CC-BY" in " ".join(card.data)
    assert len(card.known_failures) >= 3
    assert json.loads((SHIPPED / f"{name}.json").read_text())["notice"] == NOT_A_DEVICE
    assert [row["sigma"] for row in card.results] == [0.0, 0.015, 0.03, 0.06]
    assert all(row["psnr"] > row["zero_fill_psnr"] for row in card.results)
    text = card_text(name)
    assert {key: text[key] for key in ("summary", "training")} == {
        "summary": card.summary,
        "training": card.training,
    }


def test_the_page_of_models_has_the_figures_of_the_cards() -> None:
    page = (ROOT / "docs" / "models.md").read_text()
    assert renewed(page, tables()) == page


def test_weights_come_back_rounded_to_float16(small: TrainedModel, shipped: Path) -> None:
    loaded = load_shipped("small", shipped)
    for before, after in zip(small.model.get_weights(), loaded.model.get_weights(), strict=True):
        assert np.array_equal(after, before.astype(np.float16).astype(np.float32))
    assert loaded.info.settings == SETTINGS


def test_the_same_weights_give_the_same_bytes(small: TrainedModel, tmp_path: Path) -> None:
    first, second = (write_weights(small, tmp_path / f"{name}.safetensors") for name in "ab")
    assert first == second == hashlib.sha256((tmp_path / "a.safetensors").read_bytes()).hexdigest()


def test_a_changed_byte_is_refused(shipped: Path) -> None:
    path = shipped / "small.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        ModelError, match=r"Expected weights with the SHA-256 .*small\.safetensors.*install it again"
    ):
        load_shipped("small", shipped)


def test_missing_weights_are_named(shipped: Path) -> None:
    (shipped / "small.safetensors").unlink()
    with pytest.raises(ModelError, match=r"small\.safetensors"):
        load_shipped("small", shipped)


def _with_hash_of(shipped: Path) -> None:
    card = json.loads((shipped / "small.json").read_text())
    card["sha256"] = hashlib.sha256((shipped / "small.safetensors").read_bytes()).hexdigest()
    (shipped / "small.json").write_text(json.dumps(card))


def _leave_one_out(arrays: dict[str, np.ndarray]) -> None:
    arrays.pop("trunk/bias")


def _reshape_one(arrays: dict[str, np.ndarray]) -> None:
    arrays["trunk/bias"] = arrays["trunk/bias"][:2]


def _add_one(arrays: dict[str, np.ndarray]) -> None:
    arrays["trunk/other"] = arrays["trunk/bias"]


@pytest.mark.parametrize("change", [_leave_one_out, _reshape_one, _add_one])
def test_weights_of_another_network_are_refused(shipped: Path, change: Callable[..., None]) -> None:
    arrays = load_file(shipped / "small.safetensors")
    change(arrays)
    save_file(arrays, shipped / "small.safetensors")
    _with_hash_of(shipped)
    with pytest.raises(ModelError, match=r"first trunk/"):
        load_shipped("small", shipped)


def _typed(arrays: dict[str, np.ndarray], dtype: bytes) -> bytes:
    """The same bytes, said to be of another type of two bytes."""
    content = save(arrays)
    end = 8 + int.from_bytes(content[:8], "little")
    header = content[8:end].replace(b'"F16"', b'"' + dtype + b'"')
    return len(header).to_bytes(8, "little") + header + content[end:]


def _not_finite(arrays: dict[str, np.ndarray]) -> bytes:
    return save(arrays | {"trunk/bias": np.full_like(arrays["trunk/bias"], np.nan)})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda arrays: _typed(arrays, b"I16"), "finite weights of float16.*of int16"),
        (lambda arrays: save({name: array.astype("f4") for name, array in arrays.items()}), "of float32"),
        (lambda arrays: _typed(arrays, b"BF16"), "safetensors format"),
        (_not_finite, "finite weights of float16.*trunk/bias"),
    ],
    ids=["I16", "F32", "BF16", "NaN"],
)
def test_weights_of_another_type_or_not_finite_are_refused(
    shipped: Path, make: Callable[..., bytes], message: str
) -> None:
    content = make(load_file(shipped / "small.safetensors"))
    (shipped / "small.safetensors").write_bytes(content)
    _with_hash_of(shipped)
    with pytest.raises(ModelError, match=message):
        load_shipped("small", shipped)


def test_a_file_that_is_no_safetensors_is_refused(shipped: Path) -> None:
    (shipped / "small.safetensors").write_bytes(b"not weights")
    _with_hash_of(shipped)
    with pytest.raises(ModelError, match="safetensors format"):
        load_shipped("small", shipped)


@pytest.mark.parametrize("content", ["{", "{}", '{"info": {}}', "[1]", '"abc"', "null"])
def test_a_damaged_card_is_refused(shipped: Path, content: str) -> None:
    (shipped / "small.json").write_text(content)
    with pytest.raises(ModelError, match="card"):
        load_shipped("small", shipped)


@pytest.mark.parametrize(
    "change",
    [
        {"data": None},
        {"data": 5},
        {"data": [5]},
        {"results": None},
        {"results": "abc"},
        {"sha256": 5},
        {"summary": []},
        {"parameters": "x"},
        {"colour": 1},
    ],
    ids=str,
)
def test_a_card_of_other_values_is_refused(shipped: Path, change: dict[str, object]) -> None:
    values = json.loads((shipped / "small.json").read_text())
    (shipped / "small.json").write_text(json.dumps(values | change))
    with pytest.raises(ModelError, match="Expected a model card"):
        read_card("small", shipped)


@pytest.mark.parametrize("name", ["other", "../small", ""])
def test_a_name_outside_the_catalogue_is_refused(shipped: Path, name: str) -> None:
    with pytest.raises(ModelError, match="Expected one of small"):
        read_card(name, shipped)


def test_a_card_survives_json(shipped: Path) -> None:
    card = read_card("small", shipped)
    assert ModelCard.from_json(card.to_json()) == card


def test_weights_too_large_for_float16_are_refused(small: TrainedModel, tmp_path: Path) -> None:
    small.model.get_layer("trunk").bias.assign([1e6] * 4)
    with pytest.raises(ModelError, match="fit into float16"):
        write_weights(small, tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_path_goes_before_a_name(
    small: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = dataclasses.replace(small.info, name="mine")
    save_model(small.model, info, tmp_path / DEFAULT / "best.keras")
    assert load_model(DEFAULT).info.name == DEFAULT
    monkeypatch.chdir(tmp_path)
    assert load_model(DEFAULT).info.name == "mine"


def test_what_is_neither_is_refused_with_the_names() -> None:
    with pytest.raises(ModelError, match=r"shipped model \(.*fast.*\).*Received: no/such/run, which is none"):
        load_model("no/such/run")


def test_the_default_is_the_shipped_one_whatever_stands_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / DEFAULT).mkdir()
    (tmp_path / DEFAULT / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert load_default().info.name == DEFAULT
    # A run that has no model yet.
    with pytest.raises(ModelError):
        load_model(DEFAULT)
    assert provenance(DEFAULT) == {}


def test_a_folder_of_results_does_not_stand_in_the_way_of_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / DEFAULT).mkdir()
    (tmp_path / DEFAULT / "scan_sr.nii.gz").touch()
    monkeypatch.chdir(tmp_path)
    assert load_model(DEFAULT).info.name == DEFAULT
    assert provenance(DEFAULT)["training_data"]
