"""Which scans are enhanced, and under which names."""

import json
from pathlib import Path

import pytest

from lfsr_tf.errors import ConfigError, ScanError
from lfsr_tf.inference.jobs import Job, earlier_results, plan_jobs, result_name
from lfsr_tf.scans.reading import READERS


def write_sidecar(path: Path, *outputs: str) -> None:
    volumes = [{"output": name} for name in outputs]
    path.write_text(json.dumps({"schema_version": 1, "volumes": volumes}))


def test_the_folders_of_the_input_are_kept(tmp_path: Path) -> None:
    base = tmp_path / "study"
    pairs = [(base / "a" / "scan.nii.gz", base), (base / "b" / "scan.h5", base)]
    targets = [job.target.relative_to(tmp_path) for job in plan_jobs(pairs, tmp_path / "out")]
    assert targets == [Path("out/a/scan_sr"), Path("out/b/scan_sr")]


def test_results_of_an_earlier_run_are_left_out_unless_they_are_named(tmp_path: Path) -> None:
    scan, result = tmp_path / "scan.nii.gz", tmp_path / "scan_sr.nii.gz"
    write_sidecar(tmp_path / "scan_sr.json", result.name)
    pairs = [(path, tmp_path) for path in (scan, result)]
    for output in (tmp_path, tmp_path / "elsewhere", tmp_path / "sharp.nii"):
        assert [job.source for job in plan_jobs(pairs, output)] == [scan]
    (tmp_path / "below").mkdir()
    for spelling in (result, tmp_path / "below" / ".." / result.name):
        assert [job.source for job in plan_jobs(pairs, tmp_path, named=[spelling])] == [scan, result]
    with pytest.raises(ScanError, match="results of earlier runs alone"):
        plan_jobs(pairs[1:], tmp_path)


def test_a_series_is_named_by_any_of_its_files(tmp_path: Path) -> None:
    series = tmp_path / "series_sr"
    series.mkdir()
    write_sidecar(tmp_path / "series_sr.json", series.name)
    (job,) = plan_jobs([(series, tmp_path)], tmp_path / "out", named=[series / "1.dcm"])
    assert job.source == series


@pytest.mark.parametrize(
    "text", ["no JSON", "[]", '{"schema_version": 1, "volumes": [3]}', "{}", 200_000 * "["]
)
def test_what_is_no_sidecar_tells_of_no_results(text: str, tmp_path: Path) -> None:
    job = Job(tmp_path / "a.nii.gz", tmp_path / "a_sr")
    job.sidecar.write_text(text)
    assert earlier_results(job) == []


def test_the_suffix_of_any_reader_is_left_out_of_the_name_of_the_result() -> None:
    suffixes = [suffix for reader in READERS for suffix in reader.suffixes]
    assert {result_name(Path(f"x{suffix}")) for suffix in suffixes} == {"x_sr"}


def test_the_working_folder_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "series" / "below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "series" / "below")
    assert [result_name(Path(path)) for path in (".", "..")] == ["below_sr", "series_sr"]


def test_a_file_name_is_for_a_single_input(tmp_path: Path) -> None:
    (job,) = plan_jobs([(tmp_path / "scan.h5", tmp_path)], tmp_path / "sharp.nii")
    assert (job.target.name, job.suffix, job.sidecar.name) == ("sharp", ".nii", "sharp.json")
    with pytest.raises(ConfigError, match="2 scans"):
        plan_jobs([(tmp_path / "a.h5", tmp_path), (tmp_path / "b.h5", tmp_path)], tmp_path / "sharp.nii")
