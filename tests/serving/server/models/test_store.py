"""Requests find their model, version or label, and a server with nothing to serve does not start."""

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tensorflow_serving.apis.model_pb2 import ModelSpec

from lfsr_tf.errors import ModelError
from lfsr_tf.serving.server.models import versioned_model
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.server.models.store import ModelStore
from lfsr_tf.serving.server.options import ModelSource, VersionPolicy
from lfsr_tf.serving.server.refusal import Code, RefusalError
from tests.serving.server.factor_model import IMAGE, save_factor_model


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lfsr")
    for number in (1, 2):
        save_factor_model(folder / str(number), number)
    return folder


@pytest.fixture(scope="module")
def store(base: Path) -> Iterator[ModelStore]:
    labels = {"stable": 1, "canary": 2, "lost": 7}
    made = ModelStore([ModelSource("lfsr", base, VersionPolicy("all"), labels)], 60.0)
    made.start()
    yield made
    made.close()


def spec(version: int | None = None, name: str = "lfsr", **fields: str) -> ModelSpec:
    made = ModelSpec(name=name, **fields)
    if version is not None:
        made.version.value = version
    return made


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (spec(), 2),
        (spec(1), 1),
        (spec(2), 2),
        (spec(0), 2),  # ovmsclient says so of the newest
        (spec(version_label="stable"), 1),
        (spec(version_label="canary"), 2),
    ],
)
def test_a_version_is_found_by_number_or_label(store: ModelStore, asked: ModelSpec, expected: int) -> None:
    with store.lease(asked) as (number, _):
        assert number == expected


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        (spec(name=""), Code.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        (spec(name="x"), Code.NOT_FOUND, "Servable not found for request: Latest(x)"),
        (spec(3, name="x"), Code.NOT_FOUND, "Servable not found for request: Specific(x, 3)"),
        (spec(3), Code.NOT_FOUND, "Servable not found for request: Specific(lfsr, 3)"),
        (spec(-1), Code.NOT_FOUND, "Servable not found for request: Specific(lfsr, -1)"),
        (spec(version_label="x"), Code.INVALID_ARGUMENT, "Unrecognized servable version label: x"),
        (spec(version_label="lost"), Code.NOT_FOUND, "Servable not found for request: Specific(lfsr, 7)"),
    ],
)
def test_what_is_not_there_is_refused(store: ModelStore, asked: ModelSpec, code: Code, message: str) -> None:
    with pytest.raises(RefusalError) as refusal, store.lease(asked):
        pass
    assert (refusal.value.code, refusal.value.message) == (code, message)


def test_zero_is_a_version_where_there_is_one(base: Path, tmp_path: Path) -> None:
    for number in (0, 1):
        (tmp_path / str(number)).symlink_to(base / "1")
    store = ModelStore([ModelSource("lfsr", tmp_path, VersionPolicy("all"))], 60.0)
    store.start()
    with store.lease(spec(0)) as (number, _):
        assert number == 0
    store.close()


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "Received: none."), (b"junk", "Received: version 1: ")]
)
def test_a_model_without_a_version_is_one_sentence(
    content: bytes | None, reason: str, base: Path, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "saved_model.pb").write_bytes(content)
    store = ModelStore([ModelSource("good", base), ModelSource("lfsr", tmp_path)], 60.0)
    with pytest.raises(ModelError) as error:
        store.start()
    assert str(error.value).startswith(
        f"Expected a version of lfsr in {tmp_path} that can be served. {reason}"
    )
    assert "\n" not in str(error.value)
    store.close()  # and gives back the other


def test_a_folder_that_cannot_be_read_at_the_start_is_one_sentence(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "iterdir", _denied)
    with pytest.raises(ModelError) as error:
        ModelStore([ModelSource("lfsr", base)], 60.0).start()
    expected = f"Expected a folder of versions that can be read. Received: {base}: Permission denied. Give"
    assert str(error.value).startswith(expected) and "\n" not in str(error.value)


def test_a_folder_that_cannot_be_looked_at_does_not_end_the_looking(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "lfsr_tf")
    (tmp_path / "1").symlink_to(base / "1")
    store = ModelStore([ModelSource("lfsr", tmp_path)], 0.02)
    store.start()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", _denied)
        _wait(lambda: caplog.records)
    (tmp_path / "2").symlink_to(base / "2")
    _wait(lambda: 2 in store.models["lfsr"].states())
    store.close()
    assert "its versions cannot be looked at" in caplog.records[0].message


def test_without_polls_nothing_is_loaded_that_comes_later(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lfsr"
    folder.mkdir()
    (folder / "1").symlink_to(base / "1")
    store = ModelStore([ModelSource("lfsr", folder)], 0.0)
    store.start()
    # A cleaner of temporary files takes the folder, and somebody else makes one in its place.
    (folder / "1").unlink()
    for number in (1, 2):
        (folder / str(number)).symlink_to(base / "2")
    time.sleep(0.2)
    with store.lease(spec()) as (number, servable):
        assert (number, servable.folder) == (1, folder / "1")
        assert servable.predict("serving_default", {"image": IMAGE})["sr"].max() == 1.0
    assert list(store.models["lfsr"].states()) == [1]
    store.close()


def test_the_end_does_not_wait_for_a_load_longer_than_said_and_what_comes_late_is_given_back(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "1").symlink_to(base / "1")
    store = ModelStore([ModelSource("lfsr", tmp_path)], 0.02)
    store.start()
    begun, free, closed = threading.Event(), threading.Event(), []

    class Slow(Servable):
        def __init__(self, folder: Path, at_once: int | None = None) -> None:
            begun.set()
            assert free.wait(20.0)
            super().__init__(folder, at_once)

        def close(self) -> None:
            closed.append(self.folder.name)
            super().close()

    monkeypatch.setattr(versioned_model, "Servable", Slow)
    monkeypatch.setattr(versioned_model, "run_in_cpp_loader", lambda *_: [])
    (tmp_path / "2").symlink_to(base / "2")
    assert begun.wait(10.0)
    started = time.monotonic()
    store.close(0.3)
    assert time.monotonic() - started < 3.0
    assert not store.models["lfsr"].available
    free.set()
    _wait(lambda: closed == ["2"])
    assert not store.models["lfsr"].available


def test_the_end_ends_the_check_of_a_new_version_without_calling_it_broken(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "1").symlink_to(base / "1")
    store = ModelStore([ModelSource("lfsr", tmp_path)], 0.02)
    store.start()
    begun = threading.Event()

    def check(folder: Path, requests: object, stop: threading.Event) -> None:
        begun.set()
        assert stop.wait(20.0)
        raise ModelError("ended")

    monkeypatch.setattr(versioned_model, "run_in_cpp_loader", check)
    (tmp_path / "2").symlink_to(base / "2")
    assert begun.wait(10.0)
    started = time.monotonic()
    store.close()
    assert time.monotonic() - started < 3.0
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def _denied(folder: Path) -> Iterator[Path]:
    raise PermissionError(13, "Permission denied", str(folder))


def _wait(condition: object) -> None:
    deadline = time.monotonic() + 10.0
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)
