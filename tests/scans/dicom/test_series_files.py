"""One DICOM file stands for its series: in reading, and in the hash that a preparation takes of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from lfsr_tf.pairs.preparing.listing import hash_scan
from lfsr_tf.scans import find_scans, is_series, read_scan, scan_files
from lfsr_tf.scans.dicom import read as dicom_read
from lfsr_tf.scans.dicom.read import series_files


def second(dataset: Dataset, number: int) -> None:
    dataset.SeriesInstanceUID, dataset.SeriesNumber = "1.2.3.4", 9
    dataset.SOPInstanceUID = f"1.2.3.4.{number}"


def test_a_file_stands_for_all_files_of_its_series(write_series: Callable[..., Path]) -> None:
    folder = write_series()
    write_series(edit=second, prefix="t2_")
    assert [file.name for file in series_files(folder / "003.dcm")] == [f"{n:03d}.dcm" for n in range(5)]
    assert [file.name[:3] for file in series_files(folder / "t2_000.dcm")] == ["t2_"] * 5


def test_a_dicom_scan_is_read_from_all_files_of_its_series(write_series: Callable[..., Path]) -> None:
    folder = write_series()
    files = sorted(folder.iterdir())
    (folder / "notes.txt").write_text("not a slice")
    assert scan_files(folder) == scan_files(files[3]) == files
    write_series(edit=second, prefix="t2_")
    assert scan_files(files[3]) == files


def test_every_other_scan_is_read_from_itself(write_multiframe: Callable[..., Path], tmp_path: Path) -> None:
    paths = [write_multiframe(name=name) for name in ("a.dcm", "b.dcm")]
    assert [scan_files(path) for path in paths] == [[path] for path in paths]
    named_nifti = paths[0].rename(tmp_path / "a.nii")
    assert is_series(paths[1]) and not is_series(named_nifti)
    for path in (named_nifti, tmp_path / "missing.nii", tmp_path / "missing"):
        assert scan_files(path) == [path]


def test_the_hash_of_a_series_sees_a_change_in_its_last_slice(write_series: Callable[..., Path]) -> None:
    folder = write_series()
    write_series(edit=second, prefix="t2_")
    paths = find_scans(folder)
    before = [hash_scan(path) for path in paths]
    assert len(set(before)) == 2
    last = folder / "004.dcm"
    last.write_bytes(last.read_bytes()[:-2] + b"\x07\x00")
    after = [hash_scan(path) for path in paths]
    changed = [old != new for old, new in zip(before, after, strict=True)]
    assert dict(zip([path.name for path in paths], changed, strict=True)) == {
        "000.dcm": True,
        "t2_000.dcm": False,
    }


def test_a_folder_of_many_series_is_indexed_once_and_again_when_it_changes(
    write_series: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed: list[Path] = []
    load = dicom_read.load_index
    monkeypatch.setattr(dicom_read, "load_index", lambda path: indexed.append(path) or load(path))
    folder = write_series()
    write_series(edit=second, prefix="t2_")
    paths = find_scans(folder)
    assert len(indexed) == 10
    assert [read_scan(path).voxels.shape[2] for path in paths] == [5, 5]
    assert len(indexed) == 10 + 2
    header = dcmread(folder / "004.dcm")
    second(header, 9)
    header.save_as(folder / "004.dcm")
    assert len(series_files(folder / "t2_000.dcm")) == 6
