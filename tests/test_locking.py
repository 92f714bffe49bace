"""One process at a time in an output folder, and no folder left behind or taken away for nothing."""

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from lfsr_tf.errors import OutputError
from lfsr_tf.locking import exclusive

LOCK = ".lfsr-lock"


@pytest.mark.parametrize("there_before", [False, True])
def test_a_refusal_leaves_things_as_they_were(tmp_path: Path, there_before: bool) -> None:
    output = tmp_path / "records"
    if there_before:
        output.mkdir()
    with pytest.raises(RuntimeError), exclusive(output):
        assert output.is_dir()
        raise RuntimeError
    assert output.exists() is there_before


def test_what_was_written_stays(tmp_path: Path) -> None:
    with exclusive(tmp_path / "records"):
        (tmp_path / "records" / "shard").write_text("pairs")
    assert (tmp_path / "records" / "shard").exists()


def test_nothing_of_the_lock_is_left(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [LOCK]
    assert not any(tmp_path.iterdir())


def test_what_a_killed_process_has_left_keeps_nobody_out(tmp_path: Path) -> None:
    (tmp_path / LOCK).touch()
    with exclusive(tmp_path):
        pass
    assert not any(tmp_path.iterdir())


def test_the_lock_is_on_a_file_that_is_open_for_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []

    def flock(descriptor: int, operation: int) -> None:
        assert stat.S_ISREG(os.fstat(descriptor).st_mode)
        modes.append(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE)

    monkeypatch.setattr(fcntl, "flock", flock)
    with exclusive(tmp_path):
        assert modes == [os.O_RDWR]


def test_others_of_a_group_may_use_what_a_killed_process_has_left(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        assert stat.S_IMODE((tmp_path / LOCK).stat().st_mode) == 0o666


@pytest.mark.parametrize("next_one_is_in", [False, True])
def test_whoever_waited_at_a_lock_that_was_removed_is_kept_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, next_one_is_in: bool
) -> None:
    lock_it = fcntl.flock

    def flock(descriptor: int, operation: int) -> None:
        # Its owner ends between the opening and the locking, and perhaps the next one begins.
        (tmp_path / LOCK).unlink()
        if next_one_is_in:
            (tmp_path / LOCK).touch()
        lock_it(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OutputError, match="Another process"), exclusive(tmp_path):
        pytest.fail("it is in")
    assert (tmp_path / LOCK).exists() is next_one_is_in


def test_a_second_one_is_kept_out(tmp_path: Path) -> None:
    with exclusive(tmp_path), pytest.raises(OutputError, match="Another process"), exclusive(tmp_path):
        pytest.fail("both are in")


def test_a_file_system_without_locks_is_named_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with (
        pytest.raises(OutputError, match=r"Cannot lock .*: No locks available"),
        exclusive(tmp_path / "records"),
    ):
        pytest.fail("it is in")
