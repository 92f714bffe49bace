"""The server's folder for temporary files is its own, and cleaners leave it alone."""

import fcntl
import os
import stat
import tempfile
from pathlib import Path

import pytest

from lfsr_tf.serving.server.lifetime import scratch_folder


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def lock(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


def test_the_folder_is_locked_while_it_is_used_as_cleaners_of_temporary_files_ask(place: Path) -> None:
    with scratch_folder() as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        with pytest.raises(BlockingIOError):
            lock(folder)
    assert list(place.iterdir()) == []


def test_no_descriptor_is_left(place: Path) -> None:
    before = sorted(Path("/proc/self/fd").iterdir())
    with scratch_folder():
        pass
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_a_file_system_without_locks_is_used_without(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError("No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with scratch_folder() as folder:
        assert folder.is_dir()
    assert list(place.iterdir()) == []
