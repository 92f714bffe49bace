"""Versions come and go while requests are answered; a broken one changes nothing but the states."""

import logging
import shutil
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lfsr_tf.serving.server.models import version, versioned_model
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.server.models.version import State
from lfsr_tf.serving.server.models.versioned_model import VersionedModel
from lfsr_tf.serving.server.options import ModelSource, VersionPolicy
from lfsr_tf.serving.server.refusal import Code, RefusalError
from lfsr_tf.serving.warmup import WARMUP_FILE
from tests.serving.server.factor_model import IMAGE, save_factor_model

INPUTS = {"image": IMAGE}


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model's folder with version 1; the check in a process of its own, a second each, is left out."""
    monkeypatch.setattr(versioned_model, "run_in_cpp_loader", lambda *_: [])
    save_factor_model(tmp_path / "1", 1.0)
    return tmp_path


@pytest.fixture
def model(base: Path) -> Iterator[VersionedModel]:
    """With version 1 loaded."""
    with_one = opened(base)
    yield with_one
    with_one.close()


def opened(base: Path, policy: VersionPolicy | None = None) -> VersionedModel:
    made = VersionedModel(ModelSource("lfsr", base, policy or VersionPolicy()))
    made.refresh()
    return made


def answer(model: VersionedModel, number: int | None = None) -> tuple[int, float]:
    """Number of the version that answers, and what it makes of 1."""
    with model.lease(number) as (found, servable):
        return found, float(servable.predict("", INPUTS)["sr"].max())


def states(model: VersionedModel) -> dict[int, State]:
    return {number: state for number, (state, _) in model.states().items()}


def session(servable: Servable) -> Callable[[], object]:
    """Gives its session for as long as anything holds that in memory."""
    return weakref.ref(servable._session)


def test_the_newest_version_is_loaded_and_answers(base: Path) -> None:
    save_factor_model(base / "0010", 10.0)
    save_factor_model(base / "9", 9.0)
    model = opened(base)
    assert states(model) == {10: State.AVAILABLE}
    assert answer(model) == answer(model, 10) == (10, 10.0)
    model.close()


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (VersionPolicy("latest", newest=2), {3, 2}),
        (VersionPolicy("all"), {3, 2, 1}),
        (VersionPolicy("specific", named=(1, 2, 7)), {2, 1}),
    ],
)
def test_the_policy_says_which_are_loaded(base: Path, policy: VersionPolicy, expected: set[int]) -> None:
    for number in (2, 3):
        save_factor_model(base / str(number), number)
    model = opened(base, policy)
    assert states(model) == dict.fromkeys(expected, State.AVAILABLE)
    for number in expected:
        assert answer(model, number) == (number, number)
    assert answer(model)[0] == max(expected)
    model.close()


@pytest.mark.parametrize("number", [None, 1, 2])
def test_what_is_not_available_is_not_found(base: Path, number: int | None) -> None:
    model = VersionedModel(ModelSource("lfsr", base))  # nothing was loaded yet
    request = "Latest(lfsr)" if number is None else f"Specific(lfsr, {number})"
    with pytest.raises(RefusalError) as refusal, model.lease(number):
        pass
    assert (refusal.value.code, refusal.value.message) == (
        Code.NOT_FOUND,
        f"Servable not found for request: {request}",
    )


def test_an_old_version_stays_until_its_last_request_ends(base: Path, model: VersionedModel) -> None:
    save_factor_model(base / "2", 2.0)
    with model.lease() as (_, first), model.lease(1) as (_, second):
        memory = session(first)
        model.refresh()
        assert states(model) == {2: State.AVAILABLE, 1: State.UNLOADING}
        assert answer(model) == (2, 2.0)
        with pytest.raises(RefusalError, match=r"Specific\(lfsr, 1\)"):
            answer(model, 1)
        assert first.predict("", INPUTS)["sr"].max() == second.predict("", INPUTS)["sr"].max() == 1.0
        assert memory() is not None
    assert states(model) == {2: State.AVAILABLE, 1: State.END}
    assert memory() is None


def test_a_version_that_nobody_uses_is_given_back_at_once(base: Path, model: VersionedModel) -> None:
    with model.lease() as (_, first):
        first.predict("", INPUTS)
        memory = session(first)
    save_factor_model(base / "2", 2.0)
    model.refresh()
    assert memory() is None


def test_a_version_comes_back_when_the_newer_one_is_removed(base: Path, model: VersionedModel) -> None:
    for _ in range(2):
        save_factor_model(base / "2", 2.0)
        model.refresh()
        assert answer(model) == (2, 2.0)
        shutil.rmtree(base / "2")
        model.refresh()
        assert answer(model) == (1, 1.0)
    assert states(model) == {2: State.END, 1: State.AVAILABLE}


def broken(folder: Path, kind: str) -> None:
    """A new version that cannot be served."""
    if kind == "empty":
        folder.mkdir()
    elif kind == "warm-up":
        save_factor_model(folder, 2.0, [("serving_default", {"image": IMAGE[0]})])
    elif kind == "warm-up file":
        save_factor_model(folder, 2.0, [("serving_default", INPUTS)])
        (folder / WARMUP_FILE).write_bytes(b"junk that is no record")
    else:
        save_factor_model(folder, 2.0)
        (folder / kind).write_bytes((folder / kind).read_bytes()[:-7] if "data" in kind else b"junk")


KINDS = ["empty", "saved_model.pb", "variables/variables.data-00000-of-00001", "warm-up", "warm-up file"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_version_stays_out_and_is_tried_at_once_when_its_files_change(
    kind: str, base: Path, model: VersionedModel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    broken(base / "2", kind)
    for _ in range(3):  # it is tried once
        model.refresh()
        assert states(model) == {2: State.END, 1: State.AVAILABLE}
        assert answer(model) == (1, 1.0)
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    error = model.states()[2][1]
    assert line.message == f"lfsr: version 2 cannot be served: {error}"
    assert line.exc_info is None
    assert len(error) > 10
    assert "\n" not in error
    shutil.rmtree(base / "2")
    save_factor_model(base / "2", 2.5, [("serving_default", INPUTS), ("", INPUTS)])
    model.refresh()
    assert model.states() == {2: (State.AVAILABLE, ""), 1: (State.END, "")}
    assert answer(model) == (2, 2.5)


def test_a_version_that_fails_is_tried_again_ever_more_seldom(
    base: Path, model: VersionedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, tries, full = [1000.0], [], OSError(28, "No space left on device")

    def check(*_: object) -> None:
        tries.append(now[0])
        if len(tries) < 9:
            raise full

    monkeypatch.setattr(version, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(versioned_model, "run_in_cpp_loader", check)
    save_factor_model(base / "2", 2.0)
    while len(tries) < 9:
        model.refresh()
        assert answer(model)[0] == (1 if len(tries) < 9 else 2)
        now[0] += 10.0
    assert [later - first for first, later in pairwise(tries)] == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert model.states() == {2: (State.AVAILABLE, ""), 1: (State.END, "")}


def test_a_folder_without_versions_changes_nothing_and_is_told_once(
    base: Path, model: VersionedModel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "lfsr_tf")
    for _ in range(2):
        shutil.rmtree(base)
        for _ in range(3):
            model.refresh()
            assert answer(model) == (1, 1.0)
        save_factor_model(base / "1", 1.0)
        model.refresh()
    told = [record.message for record in caplog.records]
    assert told == [f"lfsr: no version to serve in {base}; what is loaded stays"] * 2


def test_folders_that_are_no_versions_are_passed_over(base: Path, model: VersionedModel) -> None:
    for name in (".3", "3.tmp", "v3", "3a", "-3", "9" * 20):
        (base / name).mkdir()
    (base / "9").write_text("a file")
    (base / "notes.txt").write_text("3")
    model.refresh()
    assert states(model) == {1: State.AVAILABLE}


def test_no_request_fails_and_none_is_answered_by_another_version_while_versions_change(
    base: Path, model: VersionedModel
) -> None:
    stop, failures, seen = threading.Event(), [], set()

    def ask() -> None:
        while not stop.is_set() and not failures:
            try:
                number, value = answer(model)
                seen.add(number)
                assert value == number
            except Exception as error:
                failures.append(error)

    with ThreadPoolExecutor(4) as pool:
        try:
            for _ in range(4):
                pool.submit(ask)
            for number in (2, 3, 4):
                save_factor_model(base / str(number), number)
                model.refresh()
                while number not in seen and not failures:
                    stop.wait(0.01)
            for number in (4, 3, 2):
                shutil.rmtree(base / str(number))
                model.refresh()
        finally:
            stop.set()
    assert (failures, seen) == ([], {1, 2, 3, 4})


def test_at_the_end_all_is_given_back_even_what_is_still_in_use(model: VersionedModel) -> None:
    with model.lease() as (_, servable):
        memory = session(servable)
        model.close()
        np.testing.assert_array_equal(servable.predict("", INPUTS)["sr"], IMAGE)
    assert memory() is None
    assert states(model) == {1: State.END}
    assert not model.available


@pytest.mark.parametrize(
    ("signature", "inputs", "message"),
    [
        ("", INPUTS, ""),
        ("volume", INPUTS, "Expected warm-up requests for signatures and inputs of the model."),
        ("serving_default", {"picture": IMAGE}, "Expected warm-up requests for signatures and inputs"),
    ],
)
def test_warm_up_requests_are_played_in_a_process_of_their_own_first(
    signature: str, inputs: dict[str, np.ndarray], message: str, tmp_path: Path
) -> None:
    save_factor_model(tmp_path / "1", 1.0)
    model = opened(tmp_path)
    save_factor_model(tmp_path / "2", 2.0, [(signature, inputs)])
    model.refresh()
    assert answer(model)[0] == (1 if message else 2)
    assert model.states()[2][1].startswith(message)
    model.close()


def test_a_server_that_starts_beside_a_broken_version_serves_the_one_before_it(base: Path) -> None:
    broken(base / "2", "saved_model.pb")
    model = opened(base)
    assert states(model) == {2: State.END, 1: State.AVAILABLE}
    assert answer(model) == (1, 1.0)
    shutil.rmtree(base / "2")
    save_factor_model(base / "2", 2.0)
    model.refresh()
    assert states(model) == {2: State.AVAILABLE, 1: State.END}
    model.close()


def test_only_the_wanted_version_is_loaded_where_it_can_be(base: Path) -> None:
    save_factor_model(base / "2", 2.0)
    model = opened(base)
    assert states(model) == {2: State.AVAILABLE}
    model.close()
