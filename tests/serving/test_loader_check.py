"""The check of an exported model before it is put in place."""

import dataclasses
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from lfsr_tf.errors import ModelError
from lfsr_tf.networks import TrainedModel
from lfsr_tf.serving import loader_check
from lfsr_tf.serving.loader_check import check_saved_model, read_signatures, run_in_cpp_loader
from lfsr_tf.serving.signatures import SIGNATURES, describe


@pytest.fixture
def no_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that plays no warm-up, which runs every signature."""
    monkeypatch.setattr(loader_check, "read_warmup", lambda _: [])


# tests/serving/test_export.py has one checked with every signature and with its warm-up.
@pytest.mark.usefixtures("one_signature", "no_warm_up")
def test_a_good_model_passes(exported: Path) -> None:
    check_saved_model(exported, scale=2)


@pytest.mark.usefixtures("one_signature", "no_warm_up")
def test_a_model_of_another_scale_does_not(exported: Path) -> None:
    with pytest.raises(ModelError, match=r"of shape \(1, 64, 64\)"):
        check_saved_model(exported, scale=4)


@pytest.mark.usefixtures("one_signature")
def test_a_model_that_python_loads_and_the_c_loader_does_not_is_found(
    trained: TrainedModel, tmp_path: Path
) -> None:
    module = tf.Module()
    module.model = trained.model
    serve = SIGNATURES["serving_default"].build(lambda images, levels: trained.model(images))
    functions = {"serving_default": serve, describe.NAME: describe.build("{}")}
    tf.saved_model.save(module, str(tmp_path), signatures=functions)
    with pytest.raises(ModelError, match="loader"):
        check_saved_model(tmp_path, scale=2)


def test_a_model_without_a_signature_is_refused(tmp_path: Path) -> None:
    module = tf.Module()
    module.f = tf.function(lambda image: {"sr": image}, input_signature=[tf.TensorSpec([None], name="image")])
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.f})
    with pytest.raises(ModelError, match=r"none called .*\bkspace\b"):
        check_saved_model(tmp_path, scale=2)


@pytest.mark.parametrize("content", [None, b"", b"not a protocol buffer"])
def test_a_folder_that_is_no_saved_model_is_refused(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ModelError, match="Expected a SavedModel"):
        read_signatures(tmp_path)


@pytest.mark.usefixtures("one_signature")
def test_a_model_without_its_variables_does_not_load(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes((exported / "saved_model.pb").read_bytes())
    with pytest.raises(ModelError, match=r"C\+\+ loader"):
        check_saved_model(tmp_path, scale=2)


def test_temporary_files_that_have_no_place_are_told_from_the_models(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(
        ModelError, match=r"room for temporary files to check .*Received: No such file .*TMPDIR"
    ):
        run_in_cpp_loader(exported, [])


def test_a_process_that_is_not_needed_any_more_is_ended_and_leaves_nothing(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch, started, program = tmp_path / "scratch", tmp_path / "started", tmp_path / "endless.py"
    scratch.mkdir()
    program.write_text(
        f"import os, pathlib, time\npathlib.Path({str(started)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setattr(loader_check, "_PROCESS", program)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    stop = threading.Event()

    def stop_it() -> None:
        while not (started.exists() and started.read_text()):
            time.sleep(0.01)
        stop.set()

    threading.Thread(target=stop_it).start()
    begun = time.monotonic()
    with pytest.raises(ModelError, match="was ended before it answered"):
        run_in_cpp_loader(exported, [], stop)
    assert time.monotonic() - begun < 20.0
    assert list(scratch.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)


@pytest.mark.usefixtures("one_signature", "no_warm_up")
@pytest.mark.parametrize(
    ("field", "names", "message"),
    [
        ("example", lambda images: {"imaje": images}, r"to give inputs among \['image'\].*: imaje"),
        (
            "images",
            lambda outputs: outputs["image"],
            r"to take of its outputs \['sr'.*: image",
        ),
    ],
)
def test_a_signature_that_names_a_wrong_tensor_is_refused(
    exported: Path, field: str, names: Callable[[Any], Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = dataclasses.replace(SIGNATURES["serving_default"], **{field: names})
    monkeypatch.setattr(loader_check, "SIGNATURES", {"serving_default": wrong})
    with pytest.raises(ModelError, match=message):
        check_saved_model(exported, scale=2)
