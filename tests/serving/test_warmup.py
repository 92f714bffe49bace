"""The requests that a server plays before a version is ready."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog, PredictLog

from lfsr_tf.errors import ConfigError, ModelError
from lfsr_tf.networks import TrainedModel
from lfsr_tf.serving import export_model
from lfsr_tf.serving.loader_check import check_saved_model
from lfsr_tf.serving.predict_request import inputs_of, predict_request
from lfsr_tf.serving.signatures import SIGNATURES
from lfsr_tf.serving.warmup import WARMUP_FILE, parse_sizes, read_warmup, write_warmup


def test_an_export_warms_up_every_signature_at_the_usual_size(exported: Path) -> None:
    requests = dict(read_warmup(exported))
    assert set(requests) == set(SIGNATURES)
    assert requests["serving_default"]["image"].shape == (2, 64, 64, 1)
    assert requests["png"]["png_bytes"][0].startswith(b"\x89PNG")


def test_the_requests_name_the_model_and_the_signature(exported: Path) -> None:
    records = tf.data.TFRecordDataset(str(exported / WARMUP_FILE)).as_numpy_iterator()
    specs = [PredictionLog.FromString(record).predict_log.request.model_spec for record in records]
    assert [(spec.name, spec.signature_name) for spec in specs] == [("lfsr", name) for name in SIGNATURES]


def test_a_request_without_a_signature_is_for_the_default_one(tmp_path: Path) -> None:
    path = tmp_path / WARMUP_FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        log = PredictLog(request=predict_request("lfsr", "", {"x": np.ones(3, np.float32)}))
        writer.write(PredictionLog(predict_log=log).SerializeToString())
    ((signature, inputs),) = read_warmup(tmp_path)
    assert signature == "serving_default"
    np.testing.assert_array_equal(inputs["x"], np.ones(3))


def test_the_sizes_can_be_chosen_and_the_bytes_are_the_same_every_time(tmp_path: Path) -> None:
    sizes = ((48, 40), (31, 33))
    for name in ("one", "two"):
        write_warmup(tmp_path / name, "brain", sizes)
    played = read_warmup(tmp_path / "one")
    shapes = [inputs["volume"].shape for signature, inputs in played if signature == "volume"]
    assert shapes == [(2, 48, 40), (2, 31, 33)]
    one, two = ((tmp_path / name / WARMUP_FILE).read_bytes() for name in ("one", "two"))
    assert one == two


def test_none_writes_no_file(trained: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lfsr_tf.serving.export.save_signatures", lambda *_: None)
    folder = export_model(trained, tmp_path, warm_up=(), check=False)
    assert not (folder / WARMUP_FILE).exists()
    assert list(read_warmup(folder)) == []


@pytest.mark.parametrize("name", list(SIGNATURES))
def test_a_request_keeps_its_arrays(name: str) -> None:
    example = SIGNATURES[name].example(np.random.default_rng(0).random((2, 9, 8), np.float32))
    found = inputs_of(predict_request("brain", name, example))
    assert set(found) == set(example)
    for key, value in example.items():
        assert found[key].dtype == value.dtype
        np.testing.assert_array_equal(found[key], value)


@pytest.mark.usefixtures("one_signature")
def test_a_warm_up_that_fails_is_found_before_a_server_finds_it(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "1"
    shutil.copytree(exported, folder)
    bad = predict_request("lfsr", "volume", {"volume": np.full((1, 4, 4), np.nan, np.float32)})
    with tf.io.TFRecordWriter(str(folder / WARMUP_FILE)) as writer:
        writer.write(PredictionLog(predict_log=PredictLog(request=bad)).SerializeToString())
    with pytest.raises(ModelError, match="signature 'volume' to run"):
        check_saved_model(folder, scale=2)


@pytest.mark.parametrize(
    ("words", "sizes"), [(["64x64", "128X96"], ((64, 64), (128, 96))), (["none"], ()), ([" 1x2 "], ((1, 2),))]
)
def test_sizes_are_read(words: list[str], sizes: tuple[tuple[int, int], ...]) -> None:
    assert parse_sizes(words) == sizes


@pytest.mark.parametrize("words", [["64"], ["64x"], ["none", "64x64"], ["64x64x2"], ["-1x4"], [""]])
def test_other_words_are_refused(words: list[str]) -> None:
    with pytest.raises(ConfigError, match="like 64x64, or none"):
        parse_sizes(words)


def test_sizes_that_no_server_can_play_are_refused(trained: TrainedModel, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="1 x 1 or more"):
        export_model(trained, tmp_path, warm_up=[(0, 4)])
    with pytest.raises(ConfigError, match=r"at most 262144 pixels, .* Received: 1x262145\."):
        export_model(trained, tmp_path, warm_up=[(512, 512), (1, 262_145)])
    with pytest.raises(ConfigError, match=f"at most {1000 // len(SIGNATURES)} warm-up sizes"):
        export_model(trained, tmp_path, warm_up=[(4, 4)] * 201)
    assert list(tmp_path.iterdir()) == []
