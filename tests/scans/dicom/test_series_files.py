"""One DICOM file stands for its series: in reading, and in the hash that a preparation takes of it."""

from collections.abc import Callable
from pathlib import Path

from pydicom import Dataset

from lfsr_tf.pairs.listing import hash_scan
from lfsr_tf.scans import find_scans
from lfsr_tf.scans.dicom_read import series_files


def second(dataset: Dataset, number: int) -> None:
    dataset.SeriesInstanceUID, dataset.SeriesNumber = "1.2.3.4", 9
    dataset.SOPInstanceUID = f"1.2.3.4.{number}"


def test_a_file_stands_for_all_files_of_its_series(write_series: Callable[..., Path]) -> None:
    folder = write_series()
    write_series(edit=second, prefix="t2_")
    assert [file.name for file in series_files(folder / "003.dcm")] == [f"{n:03d}.dcm" for n in range(5)]
    assert [file.name[:3] for file in series_files(folder / "t2_000.dcm")] == ["t2_"] * 5


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
