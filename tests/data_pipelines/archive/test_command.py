"""Small archives through the command, in this process."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from data_pipelines.archive.exported_model import find_version
from data_pipelines.archive.settings import ArchiveSettings, Task
from data_pipelines.archive.table import _write_parquet, scan_digest
from lfsr_tf.cli.app import app as lfsr
from lfsr_tf.errors import ConfigError, LfsrError, ModelError, OutputError, ScanError
from lfsr_tf.locking import exclusive
from lfsr_tf.scans import read_volumes

Run = Callable[..., Result]
Phantoms = Callable[[Path, int], list[Path]]


def table(output: Path) -> list[dict[str, str]]:
    with (output / "scans.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def close(ours: object, theirs: object) -> None:
    """Equal JSON, figures to the rounding of float32."""
    if isinstance(theirs, dict):
        assert isinstance(ours, dict) and list(ours) == list(theirs)
        ours, theirs = list(ours.values()), list(theirs.values())
    if isinstance(theirs, list):
        assert isinstance(ours, list) and len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            close(one, other)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)
    else:
        assert ours == theirs


@pytest.fixture
def scans(tmp_path: Path, make_phantoms: Phantoms, make_series: Callable[[Path], None]) -> Path:
    """NIfTI, a series of two volumes, and DICOM."""
    folder = tmp_path / "scans"
    make_phantoms(folder, 2)
    two = np.random.default_rng(0).random((32, 30, 3, 2)).astype(np.float32)
    nib.save(nib.Nifti1Image(two, np.diag([1, 1, 5, 1])), folder / "bold.nii.gz")
    make_series(folder / "dicom" / "t1")
    return folder


@pytest.mark.parametrize("options", [(), ("--error-map",)])
def test_the_results_are_those_of_lfsr_enhance(
    options: tuple[str, ...], scans: Path, exported: Path, run_folder: Path, tmp_path: Path, run_here: Run
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    result = run_here(scans, "--model", exported, "--output", ours, *options)
    assert "4 scans: 4 enhanced now, 0 before, 0 failed" in result.stdout, result.exception
    words = ["enhance", scans, "--model", run_folder, "--dtype", "float32", "--output", theirs, *options]
    assert CliRunner().invoke(lfsr, [str(word) for word in words]).exit_code == 0
    names = sorted(path.relative_to(theirs) for path in theirs.rglob("*_sr*") if not path.is_dir())
    ours_names = (path.relative_to(ours) for path in ours.rglob("*_sr*") if not path.is_dir())
    assert sorted(name for name in ours_names if not name.name.startswith(".")) == names
    for name in names:
        if name.suffix == ".json":
            close(json.loads((ours / name).read_text()), json.loads((theirs / name).read_text()))
        elif name.name.endswith(".nii.gz"):
            expected = nib.load(theirs / name).get_fdata()
            np.testing.assert_allclose(
                nib.load(ours / name).get_fdata(), expected, rtol=0, atol=1e-5 * np.abs(expected).max()
            )
    (dicom, _) = (read_volumes(folder / "dicom" / "t1_sr")[0].voxels for folder in (ours, theirs))
    assert dicom.shape == (48, 48, 3)


def test_a_series_has_a_row_a_volume_and_a_folder_the_digest_of_its_files(
    scans: Path, exported: Path, tmp_path: Path, run_here: Run
) -> None:
    run_here(scans, "--model", exported, "--output", tmp_path / "out")
    rows = {row["output"]: row for row in table(tmp_path / "out")}
    assert [rows[f"bold_sr_v{number}.nii.gz"]["volume"] for number in (1, 2)] == ["1", "2"]
    sidecar = json.loads((tmp_path / "out" / "dicom" / "t1_sr.json").read_text())
    assert rows["dicom/t1_sr"]["sha256"] == scan_digest(sidecar["input"]["sha256"])
    assert len(sidecar["input"]["sha256"]) == 3


def test_other_settings_do_every_scan_again_and_the_same_none(
    scans: Path, exported: Path, tmp_path: Path, run_here: Run
) -> None:
    words = (scans, "--model", exported.parent / exported.name / "1", "--output", tmp_path / "out")
    assert "4 enhanced now, 0 before" in run_here(*words).stdout
    before = (tmp_path / "out" / "scans.parquet").read_bytes()
    assert "0 enhanced now, 4 before" in run_here(*words).stdout
    assert (tmp_path / "out" / "scans.parquet").read_bytes() == before
    assert "4 enhanced now, 0 before" in run_here(*words, "--format", "nifti").stdout
    assert not (tmp_path / "out" / "dicom" / "t1_sr").exists()
    assert (tmp_path / "out" / "dicom" / "t1_sr.nii.gz").exists()


def test_a_table_goes_into_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "no UTF-8 \udcff"
    folder.mkdir()
    _write_parquet(folder / "scans.parquet", [])
    assert (folder / "scans.parquet").read_bytes()[:4] == b"PAR1"


def test_a_strict_run_stops_at_the_first_scan_that_fails(
    exported: Path, tmp_path: Path, make_phantoms: Phantoms, run_here: Run
) -> None:
    paths = make_phantoms(tmp_path / "scans", 4)
    for path in paths:
        path.write_bytes(b"broken")
    words = (tmp_path / "scans", "--model", exported, "--output", tmp_path / "out")
    result = run_here(*words, "--strict")
    assert "0 enhanced now, 0 before, 1 failed" in result.stdout
    assert isinstance(result.exception, LfsrError)
    assert not (tmp_path / "out" / ".stop").exists()
    assert "4 failed" in run_here(*words).stdout


@pytest.mark.parametrize("name", ["scans.csv", "scans.parquet", "failed.csv"])
def test_a_list_of_somebody_else_is_not_replaced(
    exported: Path, tmp_path: Path, make_phantoms: Phantoms, run_here: Run, name: str
) -> None:
    make_phantoms(tmp_path / "scans", 1)
    words = (tmp_path / "scans", "--model", exported, "--output", tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("path,split\nx.nii.gz,train\n")
    result = run_here(*words)
    assert isinstance(result.exception, OutputError) and name in str(result.exception)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]
    assert (tmp_path / "out" / name).read_text().startswith("path,split")
    if name == "scans.csv":  # every run writes all three lists
        (tmp_path / "out" / name).unlink()
        for _ in range(2):  # its own lists it does replace
            assert run_here(*words).exit_code == 0


def test_a_result_of_lfsr_enhance_is_not_replaced(
    exported: Path, tmp_path: Path, make_phantoms: Phantoms, run_here: Run
) -> None:
    first, _ = make_phantoms(tmp_path / "scans", 2)
    theirs = tmp_path / "out" / "site0" / first.name.replace(".nii.gz", "_sr.nii.gz")
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"made with care")
    result = run_here(tmp_path / "scans", "--model", exported, "--output", tmp_path / "out")
    assert "1 enhanced now, 0 before, 1 failed" in result.stdout
    assert "which this command did not make" in str(result.exception)
    assert theirs.read_bytes() == b"made with care"
    assert not list((tmp_path / "out").rglob("*.begun"))


def test_a_scan_that_failed_is_tried_again(
    exported: Path, tmp_path: Path, make_phantoms: Phantoms, run_here: Run
) -> None:
    _, second = make_phantoms(tmp_path / "scans", 2)
    whole = second.read_bytes()
    second.write_bytes(whole[:500])
    words = (tmp_path / "scans", "--model", exported, "--output", tmp_path / "out")
    assert "1 enhanced now, 0 before, 1 failed" in run_here(*words).stdout
    second.write_bytes(whole)
    result = run_here(*words)
    assert "1 enhanced now, 1 before, 0 failed" in result.stdout
    assert result.exit_code == 0
    assert (tmp_path / "out" / "failed.csv").read_text() == "source,error\n"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--format", "png"], ConfigError),
        (["--noise-level", "0.03"], ConfigError),
        (["--acquired-matrix", "many"], ConfigError),
        (["--pixel-budget", "0"], ConfigError),
        (["--modle=x"], ConfigError),
        (["--model", "nowhere"], ModelError),
        (["--output", "."], ConfigError),
    ],
)
def test_what_is_of_no_use_is_refused_before_anything_is_written(
    words: list[str],
    error: type[LfsrError],
    exported: Path,
    tmp_path: Path,
    make_phantoms: Phantoms,
    run_here: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    make_phantoms(tmp_path / "scans", 1)
    before = sorted(tmp_path.rglob("*"))
    result = run_here("scans", "--model", exported, "--output", "out", *words)
    assert isinstance(result.exception, error)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_model_of_another_maker_is_refused(tmp_path: Path, make_phantoms: Phantoms, run_here: Run) -> None:
    make_phantoms(tmp_path / "scans", 1)
    (tmp_path / "model" / "1").mkdir(parents=True)
    (tmp_path / "model" / "1" / "saved_model.pb").write_bytes(b"no graph")
    result = run_here(tmp_path / "scans", "--model", tmp_path / "model", "--output", tmp_path / "out")
    assert isinstance(result.exception, ModelError)


def test_zeros_before_the_number_of_a_version_mean_nothing(tmp_path: Path) -> None:
    for name in ("2", "010"):
        (tmp_path / "model" / name).mkdir(parents=True)
        (tmp_path / "model" / name / "saved_model.pb").touch()
    assert find_version(tmp_path / "model") == tmp_path / "model" / "010"


def test_a_runner_that_loses_scans_is_found_out(tmp_path: Path) -> None:
    from types import SimpleNamespace

    from data_pipelines.archive.pipeline import run_archive
    from data_pipelines.archive.plan import Plan

    class Nothing:
        """A pipeline whose runner ends well and does nothing, as Beam's DaskRunner does."""

        def run(self) -> SimpleNamespace:
            return SimpleNamespace(wait_until_finish=lambda: "DONE")

    settings = ArchiveSettings(tmp_path, tmp_path / "out", tmp_path, "")
    with (
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(LfsrError, match="Use another runner"),
    ):
        patch.setattr("data_pipelines.archive.pipeline.build", lambda *_: None)
        run_archive(Nothing(), Plan((Task("x.nii", "x_sr"),), ()), settings)


def test_a_missing_archive_is_an_error(exported: Path, tmp_path: Path, run_here: Run) -> None:
    result = run_here(tmp_path / "nowhere", "--model", exported, "--output", tmp_path / "out")
    assert isinstance(result.exception, ScanError)


def test_two_runs_do_not_write_to_one_output(
    exported: Path, tmp_path: Path, make_phantoms: Phantoms, run_here: Run
) -> None:
    make_phantoms(tmp_path / "scans", 1)
    output = tmp_path / "out"
    with exclusive(output):
        result = run_here(tmp_path / "scans", "--model", exported, "--output", output)
        assert isinstance(result.exception, OutputError) and "Another process" in str(result.exception)
        assert [path.name for path in output.iterdir()] == [".lfsr-lock"]
