import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread

from data_pipelines.archive.done import (
    claimed,
    is_done,
    mark_path,
    record_path,
    remember,
    remove_leftovers,
    scan_hashes,
)
from data_pipelines.archive.settings import ArchiveSettings
from lfsr_tf.errors import OutputError, ScanError

SETTINGS = ArchiveSettings(Path("/scans"), Path("/out"), Path("/model"), "abc", {"pixel_budget": 1})


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "x_sr"


def written(target: Path, *suffixes: str) -> list[Path]:
    paths = [target.with_name(target.name + suffix) for suffix in suffixes]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"content")
    return paths


def test_a_result_is_done_once_it_is_remembered_under_its_key(target: Path) -> None:
    paths = written(target, ".nii.gz", ".json")
    assert not is_done(target, "key")
    remember(target, "key", paths)
    assert is_done(target, "key")
    assert not is_done(target, "another key")


@pytest.mark.parametrize("lost", [".nii.gz", ".json"])
def test_a_result_of_which_a_file_is_missing_or_shorter_is_not_done(target: Path, lost: str) -> None:
    paths = written(target, ".nii.gz", ".json")
    remember(target, "key", paths)
    path = target.with_name(target.name + lost)
    path.write_bytes(b"half")
    assert not is_done(target, "key")
    path.unlink()
    assert not is_done(target, "key")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": "key", "files": 3}', "{"])
def test_a_broken_record_is_none(target: Path, text: str) -> None:
    remember(target, "key", written(target, ".nii.gz"))
    record_path(target).write_text(text)
    assert not is_done(target, "key")
    remember(target, "key", written(target, ".nii.gz"))
    assert is_done(target, "key")


def test_the_files_of_a_series_folder_count(target: Path) -> None:
    target.mkdir()
    (target / "1.dcm").write_bytes(b"slice")
    remember(target, "key", [target])
    assert is_done(target, "key")
    (target / "1.dcm").unlink()
    assert not is_done(target, "key")


def test_what_a_result_no_longer_has_is_removed(target: Path) -> None:
    target.mkdir()
    (target / "1.dcm").write_bytes(b"slice")
    remember(target, "key", [target, *written(target, "_v1.nii.gz", "_v2.nii.gz")])
    remember(target, "another key", written(target, ".nii.gz"))
    assert sorted(path.name for path in target.parent.iterdir()) == [".x_sr.done.json", "x_sr.nii.gz"]


@pytest.mark.parametrize("name", ["../y", "/etc/passwd", "y_sr.nii.gz", "x_sr/../y", "x_sr/..", "."])
def test_a_record_removes_no_file_but_those_of_its_own_result(target: Path, name: str) -> None:
    (other,) = written(target.with_name("y_sr"), ".nii.gz")
    record_path(target).write_text(f'{{"key": "key", "files": {{"{name}": 7}}}}')
    remember(target, "key", written(target, ".nii.gz"))
    assert other.exists()
    assert record_path(target).exists()


def test_leftovers_of_this_result_alone_are_removed(target: Path) -> None:
    own = ("x_sr.nii.gz", "x_sr_v2.nii.gz", "x_sr.json", ".x_sr.done.json", "x_sr")
    own += ("x_sr_error.nii.gz", "x_sr_v2_error.nii.gz", "x_sr.old", "x_sr_v2.old")
    others = ("x_sr2.nii.gz", "x_sr_v1_sr.nii.gz", "ax_sr.nii.gz", "y.json")
    for name in (*own, *others):
        (target.parent / f".partial-12-{name}").write_bytes(b"half")
    written(target, ".nii.gz")
    remove_leftovers(target)
    left = {path.name for path in target.parent.iterdir()}
    assert left == {"x_sr.nii.gz", *(f".partial-12-{name}" for name in others)}
    remove_leftovers(target / "in a folder that does not exist" / "x_sr")


@pytest.mark.parametrize("suffix", ["", ".nii.gz", ".json", "_v2.nii.gz"])
def test_a_result_of_another_command_is_not_replaced(target: Path, suffix: str) -> None:
    (other,) = written(target, suffix)
    with pytest.raises(OutputError, match="did not make"), claimed(target):
        pytest.fail("it is being made")
    assert list(target.parent.iterdir()) == [other]


def test_what_a_killed_run_has_left_without_a_record_is_replaced(target: Path) -> None:
    mark_path(target).touch()
    written(target, ".nii.gz")
    with claimed(target):
        remember(target, "key", written(target, ".nii.gz", ".json"))
    assert is_done(target, "key")
    assert not mark_path(target).exists()


def test_a_mark_stays_only_beside_results_without_a_record(target: Path) -> None:
    with pytest.raises(ScanError), claimed(target):
        assert mark_path(target).exists()
        raise ScanError
    assert not any(target.parent.iterdir())
    with pytest.raises(OutputError), claimed(target):
        written(target, ".nii.gz")
        raise OutputError
    assert mark_path(target).exists()


def test_a_key_is_of_the_contents_of_scan_and_model_and_of_every_setting() -> None:
    hashes = {"a": "1", "b": "2"}
    key = SETTINGS.key(hashes)
    assert key == SETTINGS.key(dict(reversed(hashes.items())))
    assert key == replace(SETTINGS, archive=Path("/moved"), output=Path("/elsewhere"), strict=True).key(
        hashes
    )
    others = [
        SETTINGS.key({"a": "1", "b": "3"}),
        replace(SETTINGS, fingerprint="abd").key(hashes),
        replace(SETTINGS, enhance={"pixel_budget": 2}).key(hashes),
        replace(SETTINGS, output_format="nifti").key(hashes),
        replace(SETTINGS, enhance={"plane": "axial"}).key(hashes),
    ]
    assert len({key, *others}) == 6


def test_a_dicom_file_stands_for_its_series(tmp_path: Path, make_series: Callable[[Path], None]) -> None:
    make_series(tmp_path / "series")
    whole = scan_hashes(tmp_path / "series", tmp_path)
    first = min((tmp_path / "series").iterdir())
    assert len(whole) == 3
    assert scan_hashes(first, tmp_path) == whole


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.nii")
    with ThreadPoolExecutor(1) as pool:
        hashing = pool.submit(scan_hashes, tmp_path / "pipe.nii", tmp_path)
        try:
            with pytest.raises(ScanError, match=r"pipe\.nii \(not a regular file\)"):
                hashing.result(timeout=60)
        finally:
            # Lets go of whoever waits for a writer.
            os.close(os.open(tmp_path / "pipe.nii", os.O_RDWR | os.O_NONBLOCK))


def test_a_file_more_in_a_folder_of_several_series_changes_its_own_series_alone(
    tmp_path: Path, make_series: Callable[[Path], None]
) -> None:
    make_series(tmp_path / "flat")
    first, *_, last = sorted((tmp_path / "flat").iterdir())
    before = scan_hashes(first, tmp_path)
    other = dcmread(last)
    other.SeriesInstanceUID, other.SOPInstanceUID = "1.2.9", "1.2.9.1"
    other.save_as(tmp_path / "flat" / "other.dcm")
    (tmp_path / "flat" / "notes.txt").write_text("nobody reads this")
    assert scan_hashes(first, tmp_path) == before
    assert list(scan_hashes(tmp_path / "flat" / "other.dcm", tmp_path)) == ["other.dcm"]


def test_a_scan_that_cannot_be_read_or_is_a_link_out_of_the_archive_is_refused(
    tmp_path: Path, make_series: Callable[[Path], None]
) -> None:
    archive = tmp_path / "archive"
    make_series(archive / "series")
    with pytest.raises(ScanError, match="No such file"):
        scan_hashes(archive / "missing.nii", archive)
    (tmp_path / "outside.dcm").write_bytes(b"")
    (archive / "series" / "z.dcm").symlink_to(tmp_path / "outside.dcm")
    with pytest.raises(ScanError, match="leads out"):
        scan_hashes(archive / "series", archive)
