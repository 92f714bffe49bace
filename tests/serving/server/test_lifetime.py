"""The server's folder for temporary files is its own, and cleaners leave it alone."""

import fcntl
import logging
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from lfsr_tf.serving.server.lifetime import log_to_stderr, scratch_folder


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


def open_below(place: Path) -> list[str]:
    """Files and folders of this process; what other threads open elsewhere does not count."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(descriptor.readlink()))
    return [name for name in found if name.startswith(f"{place}/")]


def test_no_descriptor_is_left(place: Path) -> None:
    with scratch_folder() as folder:
        assert open_below(place) == [str(folder)]
    assert open_below(place) == []


def test_what_asyncio_complains_of_is_a_short_line_of_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    names = ("lfsr_tf", "uvicorn", "grpc", "asyncio", "tensorflow")
    before = {name: dict(vars(logging.getLogger(name))) for name in names}
    for name in names:
        vars(logging.getLogger(name)).update(handlers=[], filters=[])
    try:
        log_to_stderr()
        try:
            raise OSError("Too many\nopen files")
        except OSError:
            for _ in range(10):
                logging.getLogger("asyncio").exception("no room")
    finally:
        for name, fields in before.items():
            vars(logging.getLogger(name)).update(fields)
    assert capfd.readouterr().err.split("ERROR ")[1:] == ["no room (OSError: Too many open files)\n"]


def test_a_file_system_without_locks_is_used_without(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError("No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with scratch_folder() as folder:
        assert folder.is_dir()
    assert list(place.iterdir()) == []
