import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from lfsr_tf.errors import ScanError
from lfsr_tf.inference import Enhancer, enhance_file
from lfsr_tf.inference.inputs import find_inputs
from lfsr_tf.inference.jobs import Job, plan_jobs
from lfsr_tf.networks import TrainedModel
from lfsr_tf.scans.dicom import read as dicom_read
from tests.scans.dicom.conftest import write_multiframe, write_series

__all__ = ["write_multiframe", "write_series"]

WriteSeries = Callable[..., Path]


def second(dataset: Dataset, number: int) -> None:
    dataset.SeriesInstanceUID, dataset.SOPInstanceUID = "1.2.3.4", f"1.2.3.4.{number}"


def named(folder: Path, *names: str) -> list[Path]:
    return [folder / name for name in names]


def test_a_multiframe_file_is_an_input_alone(write_multiframe: WriteSeries, tmp_path: Path) -> None:
    paths = [write_multiframe(name=name) for name in ("a.dcm", "b.dcm")]
    assert find_inputs(paths) == [(path, tmp_path) for path in paths]


def test_the_files_of_a_series_are_one_input(write_series: WriteSeries) -> None:
    folder = write_series()
    write_series(edit=second, prefix="t2_")
    assert find_inputs(sorted(folder.iterdir())) == [
        (folder / name, folder) for name in ("000.dcm", "t2_000.dcm")
    ]


@pytest.mark.parametrize(
    "words", ["data data/series", "data/series data", "data data/series/003.dcm", "data data/series data"]
)
def test_a_series_that_is_found_and_named_is_one_input(
    words: str, write_series: WriteSeries, tmp_path: Path
) -> None:
    folder = write_series(name="data/series")
    (folder / "beside.nii").write_text("another scan")
    paths = named(tmp_path, *words.split())
    assert sorted(path for path, _ in find_inputs(paths)) == sorted([folder, folder / "beside.nii"])


def test_a_folder_whose_series_was_named_by_a_file_is_not_taken_again(
    write_series: WriteSeries, tmp_path: Path
) -> None:
    folder = write_series(name="data/series")
    paths = named(tmp_path, "data/series/003.dcm", "data")
    assert find_inputs(paths) == [(folder / "003.dcm", folder)]


def test_the_folder_of_many_named_files_is_looked_at_once(
    write_series: WriteSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: Counter[str] = Counter()

    def count(name: str) -> Callable[[Path], Any]:
        real = getattr(dicom_read, name)
        return lambda path: looks.update([name]) or real(path)

    for name in ("_visible_files", "load_index"):
        monkeypatch.setattr(dicom_read, name, count(name))
    files = sorted(write_series().iterdir())
    assert [path for path, _ in find_inputs(files)] == files[:1]
    assert looks == {"_visible_files": 1, "load_index": 1 + len(files)}


def test_what_cannot_be_read_is_an_input_that_fails_later(tmp_path: Path) -> None:
    (tmp_path / "broken.dcm").write_text("no DICOM")
    paths = named(tmp_path, "broken.dcm", "missing.nii", "x" * 300)
    assert [path for path, _ in find_inputs(paths)] == paths


def test_folders_without_scans_are_passed_over_where_others_have_some(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.nii").write_text("")
    assert find_inputs(named(tmp_path, "empty", "a.nii")) == [(tmp_path / "a.nii", tmp_path)]
    with pytest.raises(ScanError, match="without any"):
        find_inputs(named(tmp_path, "empty"))


def test_the_sidecar_hashes_every_file_of_the_series(
    interpolator: TrainedModel, write_series: WriteSeries, tmp_path: Path
) -> None:
    folder = write_series()
    write_series(edit=second, prefix="t2_")
    sidecar = enhance_file(Enhancer(interpolator), Job(folder / "000.dcm", tmp_path / "a_sr")).sidecar
    hashes = json.loads(sidecar.read_text())["input"]["sha256"]
    assert sorted(hashes) == [f"{number:03d}.dcm" for number in range(5)]


def test_a_dicom_result_is_no_input_of_the_next_run_and_goes_when_nifti_replaces_it(
    interpolator: TrainedModel, write_series: WriteSeries, tmp_path: Path
) -> None:
    write_series()
    (job,) = plan_jobs(find_inputs([tmp_path]), tmp_path)
    enhance_file(Enhancer(interpolator), job)
    assert (tmp_path / "series_sr").is_dir()
    (job,) = plan_jobs(find_inputs([tmp_path]), tmp_path)
    enhance_file(Enhancer(interpolator), job, output_format="nifti", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "series",
        "series_sr.json",
        "series_sr.nii.gz",
    ]
