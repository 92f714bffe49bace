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


@pytest.mark.parametrize(
    ("folder", "file"), [(0o755, 0o600), (0o775, 0o660), (0o2775, 0o660), (0o777, 0o666)]
)
def test_whoever_may_write_to_the_folder_and_nobody_else_may_use_what_a_killed_process_has_left(
    tmp_path: Path, folder: int, file: int
) -> None:
    tmp_path.chmod(folder)
    before = os.umask(0o077)
    try:
        with exclusive(tmp_path):
            assert stat.S_IMODE((tmp_path / LOCK).stat().st_mode) == file
    finally:
        os.umask(before)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a folder to a group that it is not of")
def test_the_group_of_the_folder_has_the_file(tmp_path: Path) -> None:
    os.chown(tmp_path, -1, 12345)
    tmp_path.chmod(0o775)
    with exclusive(tmp_path):
        assert (tmp_path / LOCK).stat().st_gid == 12345


@pytest.mark.parametrize(("folder", "file"), [(0o775, 0o600), (0o777, 0o666)])
@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a folder to a group that it is not of")
def test_another_group_gets_no_more_than_everybody(
    tmp_path: Path, folder: int, file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fchown(*_: int) -> None:
        raise PermissionError

    os.chown(tmp_path, -1, 12345)
    tmp_path.chmod(folder)
    monkeypatch.setattr(os, "fchown", fchown)
    with exclusive(tmp_path):
        assert stat.S_IMODE((tmp_path / LOCK).stat().st_mode) == file


def test_a_folder_that_cannot_be_looked_at_keeps_its_lock_private_and_leaves_no_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, output = Path.stat, tmp_path / "records"
    output.mkdir()

    def looked(path: Path, **options: bool) -> os.stat_result:
        if path == output:
            raise OSError(errno.ESTALE, "Stale file handle")
        return look(path, **options)

    monkeypatch.setattr(Path, "stat", looked)
    monkeypatch.setattr("lfsr_tf.locking.exists", lambda _: True)
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: None)
    with exclusive(output):
        assert stat.S_IMODE((output / LOCK).lstat().st_mode) == 0o600
    links = [os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()]
    assert not [link for link in links if link.startswith(str(output))]


def test_a_file_that_was_there_keeps_its_mode_and_content(tmp_path: Path) -> None:
    private, output = tmp_path / "private", tmp_path / "records"
    output.mkdir(mode=0o777)
    private.write_text("names")
    private.chmod(0o600)
    (output / LOCK).hardlink_to(private)
    with exclusive(output):
        pass
    assert (stat.S_IMODE(private.stat().st_mode), private.read_text()) == (0o600, "names")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / LOCK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="Cannot write to"), exclusive(tmp_path):
        pytest.fail("it is in")
    assert not (tmp_path / "elsewhere").exists()


def test_whoever_finds_a_lock_that_is_just_removed_is_kept_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / LOCK).touch()
    open_it = os.open

    def opened(path: Path, flags: int, *mode: int) -> int:
        try:
            return open_it(path, flags, *mode)
        except FileExistsError:
            path.unlink()  # its owner ends
            raise

    monkeypatch.setattr(os, "open", opened)
    with pytest.raises(OutputError, match="Another process"), exclusive(tmp_path):
        pytest.fail("it is in")


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
