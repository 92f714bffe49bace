"""RunState: best, patience and history after each epoch, and the way to the disk and back."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from lfsr_tf.errors import LfsrError, ModelError
from lfsr_tf.training.state import RunState, write_history
from tests.training.history import read_rows


def after(losses: list[float], epochs: int = 100, patience: int | None = None) -> RunState:
    state = RunState()
    for loss in losses:
        state = state.after_epoch({"loss": 1.0, "val_loss": loss}, epochs=epochs, patience=patience)
    return state


@given(st.lists(st.floats(0, 10), min_size=1, max_size=20))
def test_the_best_is_the_first_minimum_of_the_history(losses: list[float]) -> None:
    state = after(losses)
    assert state.best_value == min(losses)
    assert state.best_epoch == losses.index(min(losses)) + 1
    assert state.waited == len(losses) - state.best_epoch
    assert [row["epoch"] for row in state.history] == list(range(1, len(losses) + 1))


@given(st.lists(st.floats(0, 10), max_size=8), st.lists(st.floats(0, 10), max_size=8))
def test_an_interruption_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, first: list, then: list
) -> None:
    path = tmp_path_factory.mktemp("state") / "state.json"
    after(first).write(path)
    resumed = RunState.read(path)
    for loss in then:
        resumed = resumed.after_epoch({"loss": 1.0, "val_loss": loss}, epochs=100, patience=None)
    assert resumed == after(first + then)


def test_the_run_is_finished_after_its_epochs_or_its_patience() -> None:
    assert after([3, 2], epochs=3).finished == ""
    assert after([3, 2, 1], epochs=3).finished == "all epochs done"
    assert after([1, 2], patience=2).finished == ""
    assert after([1, 2, 3], patience=2).finished == "early stopping"
    assert after([1, 2, 0.5, 3], patience=2).finished == ""


def test_only_an_improvement_is_the_best() -> None:
    assert not RunState().last_was_best
    assert after([2, 1]).last_was_best
    assert not after([1, 1]).last_was_best


def test_a_state_that_was_never_written_is_the_initial_one(tmp_path: Path) -> None:
    state = RunState.read(tmp_path / "state.json")
    assert (state.epochs_done, state.best_value, state.finished) == (0, math.inf, "")


WHOLE = {"history": [{"epoch": 1, "val_loss": 2.0}], "best_epoch": 1, "best_value": 2.0, "waited": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"history": "abc"},
        {"history": [1, 2]},
        {"history": [{"epoch": "x"}]},
        {"history": [{"val_loss": [1.0]}]},
        {"best_value": "x"},
        {"best_value": math.nan},
        {"best_epoch": 1.5},
        {"best_epoch": -1},
        {"waited": "x"},
        {"finished": 5},
    ],
    ids=str,
)
def test_a_state_of_other_values_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps(WHOLE))
    assert RunState.read(path).epochs_done == 1
    path.write_text(json.dumps(WHOLE | change))
    with pytest.raises(ModelError, match=r"state of a training run"):
        RunState.read(path)


@pytest.mark.parametrize("text", ["{", "[]", '{"best_value": 1, "history": [], "colour": 1}'])
def test_a_file_that_is_no_state_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(LfsrError, match=r"state\.json"):
        RunState.read(tmp_path / "state.json")


def test_the_history_keeps_every_bit_of_its_numbers(tmp_path: Path) -> None:
    state = after([1 / 3, 1e-17, 0.1])
    write_history(state.history, tmp_path / "history.csv")
    assert tuple(read_rows(tmp_path)) == state.history


def test_a_metric_that_is_infinite_leaves_its_field_empty(tmp_path: Path) -> None:
    state = RunState().after_epoch({"val_psnr": math.inf, "val_loss": 0.0}, epochs=2, patience=None)
    write_history(state.history, tmp_path / "history.csv")
    assert read_rows(tmp_path) == [{"epoch": 1, "val_psnr": None, "val_loss": 0.0}]
