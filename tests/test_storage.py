import errno
import json
import os
from pathlib import Path

import pytest

from lfsr_tf.errors import LfsrError, OutOfMemoryError, OutputError
from lfsr_tf.placing import move_into_place, remove
from lfsr_tf.storage import (
    atomic_folder,
    atomic_path,
    check_replaceable,
    exists,
    is_taken,
    read_json,
    write_json,
)


def test_a_file_appears_whole_under_its_own_name(tmp_path: Path) -> None:
    target = tmp_path / "new" / "image.nii.gz"
    with atomic_path(target) as temporary:
        assert temporary.name.endswith(".nii.gz")
        temporary.write_bytes(b"voxels")
        assert not target.exists()
    assert target.read_bytes() == b"voxels"
    assert [path.name for path in target.parent.iterdir()] == ["image.nii.gz"]


@pytest.mark.parametrize("failure", [ValueError("bad"), OSError(errno.ENOSPC, "No space left on device")])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, failure: Exception) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")
    expected = OutputError if isinstance(failure, OSError) else type(failure)
    with pytest.raises(expected), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise failure
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_too_little_memory_is_named_as_such_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutOfMemoryError, match="Not enough memory"), atomic_path(tmp_path / "file"):
        raise MemoryError
    assert not any(tmp_path.iterdir())


def test_a_parent_that_is_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "parent").write_text("a file")
    with (
        pytest.raises(OutputError, match=r"Cannot write .*parent/child"),
        atomic_path(tmp_path / "parent" / "child"),
    ):
        pass


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with pytest.raises(RuntimeError), atomic_folder(target) as temporary:
        (temporary / "part").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with atomic_folder(target) as temporary:
        (temporary / "part").write_text("whole")
    assert (target / "part").read_text() == "whole"


def test_a_filled_folder_is_replaced_only_when_asked(tmp_path: Path) -> None:
    target = tmp_path / "report"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(OutputError, match="not empty"), atomic_folder(target):
        pass
    assert (target / "old").exists()
    with atomic_folder(target, replaces=lambda path: path.name == "old") as temporary:
        (temporary / "new").write_text("new")
    assert [path.name for path in tmp_path.rglob("*")] == ["report", "new"]


def test_a_folder_that_holds_other_things_is_never_replaced(tmp_path: Path) -> None:
    target = tmp_path / "scans"
    target.mkdir()
    for name in ("old", "scan.nii.gz"):
        (target / name).write_text(name)
    with (
        pytest.raises(OutputError, match=r"other things, scan\.nii\.gz for one"),
        atomic_folder(target, replaces=lambda path: path.name == "old"),
    ):
        pass
    assert len(list(target.iterdir())) == 2


def test_what_file_browsers_leave_is_no_other_thing(tmp_path: Path) -> None:
    target = tmp_path / "report"
    target.mkdir()
    for name in ("old", ".DS_Store", "Thumbs.db", ".nfs0001"):
        (target / name).write_text(name)
    with pytest.raises(OutputError, match="not empty"), atomic_folder(target):
        pytest.fail("the work began")
    with atomic_folder(target, replaces=lambda path: path.name == "old"):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["report"]


def test_a_folder_that_another_process_has_filled_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "lfsr" / "1"
    with (
        pytest.raises(OutputError, match="another process has made meanwhile"),
        atomic_folder(target) as ours,
    ):
        (ours / "model").write_text("second")
        with atomic_folder(target) as theirs:
            (theirs / "model").write_text("first")
    assert (target / "model").read_text() == "first"
    assert [path.name for path in target.parent.iterdir()] == ["1"]


def test_a_file_that_another_process_has_made_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlinked(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    for number in range(2):
        ours, taken, free = (tmp_path / f"{name}{number}" for name in ("ours", "taken", "free"))
        ours.write_text("ours")
        taken.write_text("theirs")
        with pytest.raises(OutputError, match=r"taken\d, which another process has made meanwhile"):
            move_into_place(ours, taken, overwrite=False)
        assert taken.read_text() == "theirs"
        move_into_place(ours, free, overwrite=False)
        assert free.read_text() == "ours" and not ours.exists()
        # As on file systems that have no links.
        monkeypatch.setattr(Path, "hardlink_to", unlinked)


def test_an_earlier_result_is_replaced_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "old").write_text("old")
    whose = {"replaces": lambda path: path.name == "old"}
    with (
        pytest.raises(OutputError, match=r"holds an earlier result\. Give --overwrite"),
        atomic_folder(tmp_path / "report", overwrite=False, **whose),
    ):
        pytest.fail("the work began")
    with (
        pytest.raises(OutputError, match="meanwhile"),
        atomic_folder(tmp_path / "new", overwrite=False, **whose) as ours,
    ):
        (ours / "old").write_text("second")
        with atomic_folder(tmp_path / "new", overwrite=False, **whose) as theirs:
            (theirs / "old").write_text("first")
    assert (tmp_path / "new" / "old").read_text() == "first"


def test_a_failure_takes_back_the_folders_above(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "models" / "lfsr" / "sub" / "1"):
        raise KeyboardInterrupt
    assert list(tmp_path.rglob("*")) == [tmp_path / "models"]


def test_a_working_folder_that_is_gone_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with atomic_folder(tmp_path / "out"):
        pass
    assert (tmp_path / "out").is_dir()


def test_an_earlier_folder_stays_when_the_new_one_fails(tmp_path: Path) -> None:
    target = tmp_path / "report"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(RuntimeError), atomic_folder(target, replaces=lambda path: True):
        raise RuntimeError
    assert [path.name for path in tmp_path.rglob("*")] == ["report", "old"]


@pytest.mark.parametrize("name", [".", "..", "here/below/../..", "link", "file"])
def test_what_cannot_be_replaced_as_a_whole_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "here" / "below").mkdir(parents=True)
    (tmp_path / "here" / "link").symlink_to(tmp_path / "here" / "below")
    (tmp_path / "here" / "file").write_text("text")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(OutputError), atomic_folder(name, replaces=lambda path: True):
        pytest.fail("the work began")
    assert {path.name for path in tmp_path.rglob("*")} == {"here", "below", "link", "file"}


def test_names_that_are_no_utf8_can_be_written_down(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"path": b"M\xfcller.nii.gz".decode("utf-8", "surrogateescape")})
    assert read_json(tmp_path / "a.json") == {"path": "M\udcfcller.nii.gz"}


@pytest.mark.parametrize("name", ["a" * 248 + ".nii.gz", "ä" * 125 + ".json"])
def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path: Path, name: str) -> None:
    with atomic_path(tmp_path / name) as temporary:
        assert temporary.suffixes == Path(name).suffixes
        temporary.write_text("whole")
    with atomic_folder(tmp_path / "x" / name):
        pass
    assert {path.name for path in tmp_path.rglob("*")} == {name, "x"}


def test_a_name_that_is_too_long_is_one_clear_error(tmp_path: Path) -> None:
    target = tmp_path / ("a" * 256)
    with pytest.raises(OutputError, match="too long"):
        write_json(target, {})
    with pytest.raises(OutputError, match="too long"):
        check_replaceable(target, None)
    with pytest.raises(OutputError, match="too long"):
        is_taken(target)
    remove(target)
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_may_not_be_looked_at_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in somebody else's folder, which root, who runs tests in containers, may look into.
    def refusing(path: Path, **_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    target = tmp_path / "theirs" / "out.json"
    for name in ("stat", "mkdir", "unlink"):
        monkeypatch.setattr(Path, name, refusing)
    for write in (write_json, check_replaceable):
        with pytest.raises(OutputError, match=r"Cannot write .*out\.json: Permission denied\."):
            write(target, None)
    with pytest.raises(OutputError, match="Permission denied"):
        is_taken(target)


def test_something_stands_at_a_path_or_not(tmp_path: Path) -> None:
    write_json(tmp_path / "file", 1)
    assert is_taken(tmp_path) and is_taken(tmp_path / "file")
    assert not is_taken(tmp_path / "absent" / "file") and not is_taken(tmp_path / "file" / "below")


def test_what_gets_its_name_is_on_the_disk_and_so_is_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    flush = os.fsync

    def noted(descriptor: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    with atomic_path(tmp_path / "file") as temporary:
        temporary.write_text("text")
    assert flushed == [str(temporary), str(tmp_path)]
    flushed.clear()
    with atomic_folder(tmp_path / "folder", replaces=lambda path: True) as temporary:
        (temporary / "below").mkdir()
        (temporary / "below" / "part").write_text("text")
    below = temporary / "below"
    assert flushed == [*map(str, (below, below / "part", temporary, tmp_path))]


def test_impossible_names_do_not_exist(tmp_path: Path) -> None:
    assert exists(tmp_path)
    assert not exists(tmp_path / ("x" * 300))
    assert not exists(tmp_path / "a\0b")


def test_json_is_readable_and_refuses_nan(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    write_json(path, {"b": 1, "a": [1.5, "µ"]})
    assert read_json(path) == {"a": [1.5, "µ"], "b": 1}
    assert json.loads(path.read_text())["b"] == 1
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})
    assert read_json(path)["b"] == 1


@pytest.mark.parametrize("content", [None, "{", "\x00"])
def test_json_that_cannot_be_read_is_one_clear_error(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(LfsrError, match="Expected a JSON file"):
        read_json(path)


@pytest.mark.timeout(20)
def test_a_named_pipe_is_no_json_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scan.json")
    with pytest.raises(LfsrError, match="no regular file"):
        read_json(tmp_path / "scan.json")
