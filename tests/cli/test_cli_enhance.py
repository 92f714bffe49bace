import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import pytest
from typer.testing import Result

from lfsr_tf.cli.enhance import enhance
from lfsr_tf.cli.interrupted import Interrupted
from lfsr_tf.errors import ConfigError, LfsrError, ModelError, ScanError

Run = Callable[..., Result]
MakeScan = Callable[..., Path]


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_scan_is_enhanced_beside_its_sidecar(
    run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    result = run_command(enhance, small_scan(), "--model", run_folder, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert names(tmp_path / "out") == ["sub-01_T2w_sr.json", "sub-01_T2w_sr.nii.gz"]
    assert nib.load(tmp_path / "out" / "sub-01_T2w_sr.nii.gz").shape == (80, 72, 3)
    assert "2.00 x 2.00 mm -> 1.00 x 1.00 mm" in result.output


def test_a_single_scan_can_be_given_a_file_name(
    run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    run_command(enhance, small_scan(), "-m", run_folder, "-o", tmp_path / "sharp.nii.gz")
    assert {"sharp.json", "sharp.nii.gz"} <= set(names(tmp_path))


def test_without_a_model_a_shipped_one_is_taken(
    run_command: Run, small_scan: MakeScan, tmp_path: Path
) -> None:
    result = run_command(enhance, small_scan(), "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    sidecar = json.loads((tmp_path / "out" / "sub-01_T2w_sr.json").read_text())
    assert sidecar["volumes"][0]["model"]["name"] == "fast"


def test_the_acquired_matrix_can_be_given(
    run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ["-m", run_folder, "-o", out, "--acquired-matrix", "20x18"]
    result = run_command(enhance, small_scan(), *options)
    assert "2.00 x 2.00 mm, cut to 4.00 x 4.00 mm -> 2.00 x 2.00 mm in plane" in result.output
    (volume,) = json.loads((out / "sub-01_T2w_sr.json").read_text())["volumes"]
    assert (volume["matrix"]["used"], volume["matrix"]["source"]) == ([20, 18], "option")
    assert nib.load(out / "sub-01_T2w_sr.nii.gz").shape == (40, 36, 3)


def test_a_batch_goes_on_after_failures_and_lists_them(
    run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    small_scan("study/a/scan.nii.gz")
    small_scan("study/c/scan.nii.gz")
    (study / "b.nii.gz").write_text("no scan at all")
    result = run_command(enhance, study, tmp_path / "missing.nii", "-m", run_folder, "-o", tmp_path / "out")
    assert isinstance(result.exception, LfsrError)
    assert "2 of 4 scans" in str(result.exception)
    assert str(study / "b.nii.gz") in str(result.exception)
    assert names(tmp_path / "out") == [f"{d}/scan_sr.{s}" for d in "ac" for s in ("json", "nii.gz")]


def test_results_inside_the_searched_folder_are_not_enhanced_again(
    run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    small_scan("study/scan.nii.gz")
    out = tmp_path / "study" / "enhanced"
    for _ in range(2):
        result = run_command(enhance, tmp_path / "study", "-m", run_folder, "-o", out, "--overwrite")
        assert result.exit_code == 0, result.output
    assert names(out) == ["scan_sr.json", "scan_sr.nii.gz"]


def test_results_may_stand_above_the_searched_folder(
    run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    small_scan("study/scans/scan.nii.gz")
    result = run_command(enhance, tmp_path / "study" / "scans", "-m", run_folder, "-o", tmp_path / "study")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "study" / "scan_sr.nii.gz").is_file()


def test_existing_results_are_kept_without_overwrite(
    run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    arguments = (enhance, small_scan(), "-m", run_folder, "-o", tmp_path / "out")
    assert run_command(*arguments).exit_code == 0
    before = (tmp_path / "out" / "sub-01_T2w_sr.nii.gz").stat().st_mtime_ns
    assert "1 of 1 scans" in str(run_command(*arguments).exception)
    assert (tmp_path / "out" / "sub-01_T2w_sr.nii.gz").stat().st_mtime_ns == before


def test_finished_scans_can_be_left_out(
    run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    study, out = small_scan("study/a.nii.gz").parent, tmp_path / "out"
    words = (enhance, study, "-m", run_folder, "-o", out, "--skip-existing")
    assert run_command(*words).exit_code == 0
    before = (out / "a_sr.nii.gz").stat().st_mtime_ns
    small_scan("study/b.nii.gz")
    result = run_command(*words)
    assert result.exit_code == 0, result.output
    assert "1 of 2 scans left out: their results stand already." in result.stderr
    result = run_command(*words)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "2 of 2 scans left out" in result.stderr
    assert names(out) == [f"{stem}_sr.{suffix}" for stem in "ab" for suffix in ("json", "nii.gz")]
    assert (out / "a_sr.nii.gz").stat().st_mtime_ns == before


def test_a_scan_whose_result_was_being_written_is_enhanced_again(
    run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    words = (enhance, small_scan("a.nii.gz"), "-m", run_folder, "-o", tmp_path / "out", "--skip-existing")
    assert run_command(*words).exit_code == 0
    (tmp_path / "out" / "a_sr.nii.gz").unlink()
    result = run_command(*words)
    assert result.exit_code == 0, result.output
    assert names(tmp_path / "out") == ["a_sr.json", "a_sr.nii.gz"]
    (tmp_path / "out" / "a_sr.json").unlink()
    said = " ".join(run_command(*words).stderr.split())
    assert "without a sidecar, so that nobody knows whose it is. Give --overwrite" in said


def test_a_scan_that_has_changed_is_not_taken_for_finished(
    run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    words = ("-m", run_folder, "-o", tmp_path / "out", "--skip-existing")
    assert run_command(enhance, small_scan(), *words).exit_code == 0
    result = run_command(enhance, small_scan(shape=(40, 36, 4)), *words)
    assert "1 of 1 scans" in str(result.exception) and "Give --overwrite" in result.stderr


def test_results_are_replaced_or_left_not_both(
    run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    words = ("-m", run_folder, "-o", tmp_path / "out", "--skip-existing", "--overwrite")
    result = run_command(enhance, small_scan(), *words)
    assert isinstance(result.exception, ConfigError)
    assert "Expected --overwrite or --skip-existing. Received: both." in str(result.exception)


def test_a_stopped_batch_says_how_it_goes_on(
    run_command: Run,
    run_folder: Path,
    small_scan: MakeScan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lfsr_tf.inference.files.enhance_file", stop)
    result = run_command(enhance, small_scan(), "-m", run_folder, "-o", tmp_path / "out")
    assert isinstance(result.exception, Interrupted) and "--skip-existing" in str(result.exception)


def test_a_model_of_another_kind_is_refused(run_command: Run, small_scan: MakeScan, tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_text("no model")
    result = run_command(enhance, small_scan(), "-m", tmp_path / "model.keras", "-o", tmp_path / "out")
    assert isinstance(result.exception, ModelError)
    assert not (tmp_path / "out").exists()


def test_a_folder_without_scans_is_refused(run_command: Run, run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run_command(enhance, tmp_path / "empty", "-m", run_folder, "-o", tmp_path / "out")
    assert isinstance(result.exception, ScanError)


def test_a_folder_without_scans_does_not_keep_the_others_waiting(
    run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    result = run_command(enhance, small_scan(), tmp_path / "empty", "-m", run_folder, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert names(tmp_path / "out") == ["sub-01_T2w_sr.json", "sub-01_T2w_sr.nii.gz"]


def test_scans_of_one_name_fail_and_the_others_are_enhanced(
    run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    for name in ("a.nii", "a.nii.gz", "b.nii.gz"):
        small_scan(f"study/{name}")
    result = run_command(enhance, tmp_path / "study", "-m", run_folder, "-o", tmp_path / "out")
    assert "2 of 3 scans" in str(result.exception)
    assert result.stderr.count("Rename one") == 2
    assert names(tmp_path / "out") == ["b_sr.json", "b_sr.nii.gz"]


def test_results_beside_the_scans_are_not_enhanced_again(
    run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    study = small_scan("study/scan.nii.gz").parent
    for _ in range(2):
        result = run_command(enhance, study, "-m", run_folder, "-o", study, "--overwrite")
        assert result.exit_code == 0, result.output
    assert names(study) == ["scan.nii.gz", "scan_sr.json", "scan_sr.nii.gz"]
    result = run_command(enhance, study, "-m", run_folder, "-o", tmp_path / "other")
    assert "1 of 2 scans left out: results of earlier runs." in result.stderr
    assert names(tmp_path / "other") == ["scan_sr.json", "scan_sr.nii.gz"]


def test_a_file_name_for_nifti_is_refused_for_dicom(
    run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    words = ("-m", run_folder, "-o", tmp_path / "sharp.nii.gz", "--format", "dicom")
    result = run_command(enhance, small_scan(), *words)
    assert isinstance(result.exception, ConfigError) and "--format dicom" in str(result.exception)
    assert not (tmp_path / "sharp.nii.gz").exists()


def test_an_output_folder_that_links_to_itself_is_one_line(
    run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    (tmp_path / "out").symlink_to("out")
    result = run_command(enhance, small_scan(), "-m", run_folder, "-o", tmp_path / "out")
    assert isinstance(result.exception, LfsrError)
    assert "Too many levels of symbolic links" in " ".join(result.stderr.split())


@pytest.mark.parametrize("option", [("--format", "png"), ("--acquired-matrix", "big"), ("--dtype", "int8")])
def test_settings_that_do_not_exist_are_refused(
    option: tuple[str, str], run_command: Run, run_folder: Path, small_scan: MakeScan, tmp_path: Path
) -> None:
    result = run_command(enhance, small_scan(), "-m", run_folder, "-o", tmp_path / "out", *option)
    assert isinstance(result.exception, ConfigError)
    assert option[1] in str(result.exception)


def test_a_failure_is_one_line_and_exit_code_1(run_folder: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "lfsr_tf",
        "enhance",
        "no.nii.gz",
        "-m",
        str(run_folder),
        "-o",
        "out",
    ]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, env=None)
    assert finished.returncode == 1
    assert finished.stderr.strip().splitlines()[-1].startswith("lfsr: error: 1 of 1 scans")
    assert "Traceback" not in finished.stderr
