"""A run folder is whole after a kill at any write, and belongs to one run and one process."""

import fcntl
import json
from contextlib import suppress
from pathlib import Path

import pytest

from lfsr_tf.errors import ConfigError, OutputError
from lfsr_tf.locking import LOCK
from lfsr_tf.training import run_folder
from lfsr_tf.training.run_folder import WEIGHTS, RunFolder, check_run, open_run
from lfsr_tf.training.state import RunState
from tests.training.history import read_rows

CONFIG = {"network": "one", "network_settings": {}, "batch_size": 4, "epochs": 9, "loss": {"mse": 1.0}}
IDENTITY = {"config": CONFIG, "data": {"fingerprint": "a"}}
LOSSES = (3.0, 2.0, 2.5, 1.0, 1.5)


class KilledError(BaseException):
    """Stands for kill -9: no handler of the package catches it."""


def advance(folder: RunFolder, state: RunState, loss: float) -> RunState:
    """One epoch; every file says which epoch wrote it."""
    state = state.after_epoch({"val_loss": loss}, epochs=len(LOSSES), patience=None)

    def write_files(path: Path) -> None:
        (path / WEIGHTS).write_text(str(state.epochs_done))
        for kind in ("last", "best") if state.last_was_best else ("last",):
            (path / kind).mkdir()
            (path / kind / f"{kind}.keras").write_text(str(state.epochs_done))
            description = {"best": "model.json", "last": "last.json"}[kind]
            (path / kind / description).write_text(str(state.epochs_done))

    folder.commit(state, write_files)
    return state


def run_to_the_end(path: Path) -> RunState:
    """What one process does: take up the run, check its weights, train the epochs that are missing."""
    with open_run(path) as folder:
        state = folder.begin(IDENTITY, {})
        if state.epochs_done and not state.finished:
            assert (folder.backup(state.epochs_done) / WEIGHTS).read_text() == str(state.epochs_done)
        for loss in LOSSES[state.epochs_done :]:
            state = advance(folder, state, loss)
    return state


def assert_complete(path: Path) -> None:
    history = read_rows(path)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5]
    assert tuple(row["val_loss"] for row in history) == LOSSES
    assert (path / "best.keras").read_text() == (path / "model.json").read_text() == "4"
    assert (path / "last.keras").read_text() == (path / "last.json").read_text() == "5"
    assert not list((path / "backup").iterdir())
    assert not list(path.rglob(".partial-*"))


def kill_after(monkeypatch: pytest.MonkeyPatch, operations: int) -> None:
    """Raise KilledError at the given file operation (rename, removal, creation), counted from now."""
    left = [operations]

    def counted(original):  # type: ignore[no-untyped-def]
        def operation(*args, **kwargs):  # type: ignore[no-untyped-def]
            left[0] -= 1
            if left[0] < 0:
                raise KilledError
            return original(*args, **kwargs)

        return operation

    for name in ("replace", "mkdir", "write_text", "open"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    # A killed process removes nothing, so the cleaning up of a failed write does not happen either.
    monkeypatch.setattr("lfsr_tf.storage.remove", counted(lambda path: None))
    monkeypatch.setattr(run_folder, "remove", counted(run_folder.remove))


@pytest.mark.parametrize("operations", range(0, 180, 3))
def test_a_run_killed_at_any_file_operation_ends_as_if_it_had_not_been(
    tmp_path: Path, operations: int
) -> None:
    run = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, operations)
        with suppress(KilledError):
            run_to_the_end(run)
    assert run_to_the_end(run).finished == "all epochs done"
    assert_complete(run)


def test_a_run_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    run = tmp_path / "run"
    kills = 0
    for operations in range(20, 60):
        with pytest.MonkeyPatch.context() as patch:
            kill_after(patch, operations)
            try:
                run_to_the_end(run)
                break
            except KilledError:
                kills += 1
    assert kills >= 3
    run_to_the_end(run)
    assert_complete(run)


def test_a_failed_write_leaves_the_epoch_before(tmp_path: Path) -> None:
    def disk_full(path: Path) -> None:
        (path / WEIGHTS).write_text("half")
        raise OSError(28, "No space left on device")

    with open_run(tmp_path / "run") as folder:
        state = advance(folder, folder.begin(IDENTITY, {}), 1.0)
        with pytest.raises(OutputError, match="No space left"):
            folder.commit(state.after_epoch({"val_loss": 0.5}, epochs=9, patience=None), disk_full)
        assert RunState.read(folder.state_path) == state
        assert [path.name for path in (folder.path / "backup").iterdir()] == ["epoch-00001"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"config": CONFIG | {"epochs": 8}}, "epochs=9.*Received: epochs=8"),
        ({"config": CONFIG | {"loss": {"mse": 2.0}}}, "loss"),
        ({"data": {"fingerprint": "b"}}, "fingerprint='a'.*Received: fingerprint='b'"),
    ],
)
def test_another_configuration_or_other_records_are_refused(
    tmp_path: Path, changed: dict, message: str
) -> None:
    with open_run(tmp_path) as folder:
        advance(folder, folder.begin(IDENTITY, {}), 1.0)
        with pytest.raises(ConfigError, match=message):
            folder.begin(IDENTITY | changed, {})
        assert json.loads((tmp_path / "config.json").read_text()) == IDENTITY["config"]


def test_what_changes_nothing_but_the_speed_may_change(tmp_path: Path) -> None:
    def fed(**pipeline: object) -> dict[str, dict[str, object]]:
        return IDENTITY | {"config": CONFIG | {"pipeline": {"gain_min": 0.5, **pipeline}}}

    with open_run(tmp_path) as folder:
        advance(folder, folder.begin(fed(cache=False), {}), 1.0)
        state = folder.begin(fed(service="grpc://127.0.0.1:5050", verify=False), {})
        assert state.epochs_done == 1
        with pytest.raises(ConfigError, match=r"pipeline=.*shards_at_once"):
            folder.begin(fed(shards_at_once=2), {})


def test_a_run_without_a_finished_epoch_may_start_again_with_another_configuration(tmp_path: Path) -> None:
    with open_run(tmp_path) as folder:
        folder.begin(IDENTITY, {})
        folder.begin(IDENTITY | {"config": CONFIG | {"epochs": 1}}, {})
    assert json.loads((tmp_path / "config.json").read_text())["epochs"] == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("thesis.tex", "years of work"),
        ("config.json", '{"my": "settings"}'),
        ("config.json", "[1, 2]"),
        ("config.json", "no JSON"),
        (LOCK, "another program's"),
        ("state.json", "{}"),
        (".partial-1-thesis.tex", "years of work"),
    ],
)
def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(OutputError, match="new folder or a training run"), open_run(tmp_path):
        pass
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, content)]


@pytest.mark.parametrize("names", [[], [".DS_Store"], [LOCK], [LOCK, ".partial-12345-config.json"]])
def test_a_folder_that_holds_nothing_of_anybody_becomes_a_run(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert run_to_the_end(tmp_path).finished
    assert_complete(tmp_path)


def test_what_others_keep_in_a_run_folder_stays(tmp_path: Path) -> None:
    folders = [tmp_path / "backup" / "thesis", tmp_path / ".partial-12345-report", tmp_path / "notes"]
    with open_run(tmp_path) as folder:
        state = advance(folder, folder.begin(IDENTITY, {}), LOSSES[0])
        for each in folders:
            each.mkdir()
        for loss in LOSSES[1:]:
            state = advance(folder, state, loss)
    assert state.finished
    assert all(each.is_dir() for each in folders)


def test_a_finished_run_is_not_written_to(tmp_path: Path) -> None:
    run_to_the_end(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.*")}
    with open_run(tmp_path) as folder:
        folder.begin(IDENTITY, {"tensorflow": "newer"})
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.*")} == before


def test_what_a_run_started_from_is_compared_only_where_it_is_given(tmp_path: Path) -> None:
    def starting(weights: str) -> dict:
        return IDENTITY | {"data": {**IDENTITY["data"], "start": weights, "start_steps": 100}}

    with open_run(tmp_path) as folder:
        advance(folder, folder.begin(starting("a"), {}), 1.0)
        for same in (IDENTITY, starting("a")):
            assert folder.begin(same, {}).epochs_done == 1
        with pytest.raises(ConfigError, match=r"start='a'.*Received: start='b'"):
            folder.begin(starting("b"), {})
        assert folder.start_steps == 100


@pytest.mark.parametrize("text", ["[1, 2]", '"abc"', "null"])
def test_data_that_are_no_table_are_refused(tmp_path: Path, text: str) -> None:
    with open_run(tmp_path) as folder:
        advance(folder, folder.begin(IDENTITY, {}), 1.0)
        (tmp_path / "data.json").write_text(text)
        for use in (
            lambda: check_run(tmp_path, IDENTITY),
            lambda: folder.begin(IDENTITY, {}),
            lambda: folder.data,
            lambda: folder.start_steps,
        ):
            with pytest.raises(ConfigError, match=r"Expected .*data\.json .*Received: no table"):
                use()


@pytest.mark.parametrize("steps", ["x", -1, 1.5, None], ids=str)
def test_steps_that_are_no_count_are_refused(tmp_path: Path, steps: object) -> None:
    with open_run(tmp_path) as folder:
        folder.begin({"data": {"start_steps": steps}}, {})
        with pytest.raises(ConfigError, match=r"data\.json .*Received: start_steps="):
            _ = folder.start_steps


def test_a_parent_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match=r"Cannot write to .*: Not a directory"),
        open_run(tmp_path / "file" / "run"),
    ):
        pass


def test_two_processes_cannot_train_into_one_folder(tmp_path: Path) -> None:
    with (
        open_run(tmp_path / "run"),
        pytest.raises(OutputError, match="Another process"),
        open_run(tmp_path / "run"),
    ):
        pass


def test_a_file_system_without_locks_is_not_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*arguments: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(OutputError, match=r"Cannot lock .*: Function not"), open_run(tmp_path / "run"):
        pass


def test_tuples_are_the_lists_that_json_has(tmp_path: Path) -> None:
    identity = {**IDENTITY, "config": CONFIG | {"network_settings": {"filters": (8, 16)}}}
    for _ in range(2):
        with open_run(tmp_path / "run") as folder:
            folder.begin(identity, {})
