"""Fixtures that every folder of tests shares."""

import os

# Before TensorFlow is imported: its start-up notices would bury test output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")
# TensorFlow leaves oneDNN out on older processors; what is known to go wrong with it is tested everywhere.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import gc
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
REQUIRE_ALL = os.environ.get("LFSR_REQUIRE_ALL") == "1"


def pytest_collection_finish() -> None:
    """Spare the garbage collector what is imported by now: each full look at it takes a third of a second."""
    gc.freeze()


def _skip(reason: str) -> None:
    """Skip on a user's machine; fail where everything must be there."""
    if REQUIRE_ALL:
        pytest.fail(f"may not be skipped here: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real scans beside the repository."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        _skip(f"the real scans are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def dciodvfy() -> str:
    """Path of the DICOM checker of Debian's dicom3tools."""
    program = shutil.which("dciodvfy")
    if program is None:
        _skip("dciodvfy is not installed (Debian package dicom3tools)")
    return str(program)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a headless browser."""
    program = shutil.which("chromium")
    if program is None:
        _skip("chromium is not installed")
    return str(program)


@contextmanager
def _full_disk(limit: int) -> Iterator[None]:
    """Files cannot grow beyond the limit, which is what a full disk does to their writer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """A block in which no file grows beyond so many bytes."""
    return _full_disk
