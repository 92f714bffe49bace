"""One process at a time in an output folder, and no folder left behind or taken away for nothing."""

import errno
import fcntl
from pathlib import Path

import pytest

from lfsr_tf.errors import OutputError
from lfsr_tf.locking import exclusive


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
