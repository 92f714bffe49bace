"""`lfsr simulate`: low-field scans on disk, in the right place, with what is known of them beside."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from lfsr_tf.cli.app import app
from lfsr_tf.errors import ConfigError, LfsrError, OutputError
from lfsr_tf.storage import read_json

AFFINE = np.array([[-2.0, 0, 0, 31], [0, 2.0, 0, -40], [0, 0, 5.0, 7], [0, 0, 0, 1]])


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    disc = (np.hypot(*np.meshgrid(np.linspace(-1, 1, 40), np.linspace(-1, 1, 40))) < 0.8)[..., None]
    path = tmp_path / "sub-7_T2w.nii.gz"
    nib.save(nib.Nifti1Image(np.repeat(disc * 300.0, 5, axis=2).astype(np.float32), AFFINE), path)
    return path


def run(*words: object) -> object:
    return CliRunner().invoke(app, ["simulate", *map(str, words)])


def test_the_result_lies_where_the_scan_lies(scan: Path, tmp_path: Path) -> None:
    result = run(scan, "-o", tmp_path / "low", "--sigma", 0.04, "--hr-size", 40, "--keep-hr")
    assert result.exit_code == 0, result.output
    low = nib.load(tmp_path / "low" / "sub-7_T2w_lr.nii.gz")
    assert low.shape == (20, 20, 5)
    np.testing.assert_allclose(low.affine, AFFINE @ np.diag([2, 2, 1, 1]), atol=1e-5)
    assert nib.load(tmp_path / "low" / "sub-7_T2w_hr.nii.gz").shape == (40, 40, 5)


def test_the_sidecar_holds_the_noise_level_and_the_settings(scan: Path, tmp_path: Path) -> None:
    run(scan, "-o", tmp_path / "low.nii.gz", "--sigma", 0.04, "--hr-size", 40, "--seed", 3)
    known = read_json(tmp_path / "low.json")
    assert (known["sigma"], known["seed"], known["subject"], known["contrast"]) == (0.04, 3, "sub-7", "T2w")
    background = nib.load(tmp_path / "low.nii.gz").get_fdata()[:2, :2]
    assert np.sqrt(np.mean(background**2) / 2) == pytest.approx(known["sigma_intensity"], rel=0.4)


def test_the_acquisition_is_that_of_a_preset_and_the_sidecar_has_no_range_that_nothing_reads(
    scan: Path, tmp_path: Path
) -> None:
    preset = tmp_path / "own.toml"
    preset.write_text("[acquisition]\napodisation = 1.0\nsigma_max = 0.05\n")
    words = [scan, "--hr-size", 40, "--sigma", 0]
    for name, more in (("plain", []), ("own", ["--acquisition", preset])):
        result = run(*words, "-o", tmp_path / f"{name}.nii.gz", *more)
        assert result.exit_code == 0, result.output
    plain, own = (nib.load(tmp_path / f"{name}.nii.gz").get_fdata() for name in ("plain", "own"))
    assert np.abs(np.diff(own, axis=0)).max() < 0.8 * np.abs(np.diff(plain, axis=0)).max()
    known = read_json(tmp_path / "own.json")["acquisition"]
    assert known["apodisation"] == 1.0 and not [name for name in known if "sigma" in name]


def test_a_name_in_capitals_is_a_file_too(scan: Path, tmp_path: Path) -> None:
    result = run(scan, "-o", tmp_path / "LOW.NII.GZ", "--hr-size", 40, "--keep-hr")
    assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.iterdir()} == {
        scan.name,
        "LOW.NII.GZ",
        "LOW_hr.NII.GZ",
        "LOW.json",
    }
    assert nib.load(tmp_path / "LOW.NII.GZ").shape == (20, 20, 5)


def test_a_phantom_needs_no_file(tmp_path: Path) -> None:
    result = run("phantom:3:FLAIR", "-o", tmp_path)
    assert result.exit_code == 0, result.output
    low = nib.load(tmp_path / "phantom-3-FLAIR_lr.nii.gz")
    assert low.shape[:2] == (64, 64)
    assert read_json(tmp_path / "phantom-3-FLAIR_lr.json")["contrast"] == "FLAIR"


def test_a_batch_goes_on_after_a_bad_scan_and_fails_at_the_end(scan: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.nii.gz").write_text("no scan")
    result = run(tmp_path / "bad.nii.gz", scan, "-o", tmp_path / "low", "--hr-size", 32)
    assert isinstance(result.exception, LfsrError) and "1 of 2 scans" in str(result.exception)
    assert (tmp_path / "low" / "sub-7_T2w_lr.nii.gz").exists()
    assert not list((tmp_path / "low").glob("*bad*"))


@pytest.mark.parametrize(
    ("words", "kind", "reason"),
    [
        (["phantom:x"], LfsrError, "phantom:x"),
        (["phantom:²"], LfsrError, "phantom:²"),
        (["a.nii.gz", "b.nii.gz", "-o", "one.nii.gz"], OutputError, "folder for 2"),
        (["x/a.nii.gz", "y/a.nii.gz"], OutputError, "different names"),
        (["a.nii.gz", "--sigma", "1.5"], ConfigError, "sigma"),
        (["a.nii.gz", "--scale", "3"], ConfigError, "scale"),
        (["a.nii.gz", "--acquisition", "no.toml"], ConfigError, "Received: no.toml"),
    ],
)
def test_bad_words_are_refused(
    tmp_path: Path, monkeypatch, words: list[str], kind: type, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*words) if "-o" in words else run(*words, "-o", "low")
    assert isinstance(result.exception, kind) and reason in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_an_earlier_result_is_replaced_only_when_told(scan: Path, tmp_path: Path) -> None:
    words = [scan, "-o", tmp_path / "low.nii.gz", "--hr-size", 32]
    assert run(*words).exit_code == 0
    assert isinstance(run(*words).exception, LfsrError)
    assert run(*words, "--overwrite").exit_code == 0


def test_the_scan_itself_is_never_replaced(scan: Path) -> None:
    before = scan.read_bytes()
    assert isinstance(run(scan, "-o", scan, "--hr-size", 32, "--overwrite").exception, LfsrError)
    assert scan.read_bytes() == before


def test_neither_the_scan_nor_a_file_beside_it_is_replaced_unasked(scan: Path, tmp_path: Path) -> None:
    hr = scan.rename(tmp_path / "brain_hr.nii.gz")
    sidecar = tmp_path / "low.json"
    sidecar.write_text("mine")
    before = hr.read_bytes()
    for words in (
        ["brain_lr.nii.gz", "--keep-hr", "--overwrite"],
        ["brain_lr.nii.gz", "--keep-hr"],
        ["low.nii.gz"],
    ):
        result = run(hr, "-o", tmp_path / words[0], *words[1:], "--hr-size", 32)
        assert isinstance(result.exception, LfsrError), words
    assert hr.read_bytes() == before and sidecar.read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"brain_hr.nii.gz", "low.json"}


def test_no_scan_is_replaced_by_the_result_of_another(scan: Path, tmp_path: Path) -> None:
    others = [tmp_path / f"sub-7_T2w_{kind}.nii.gz" for kind in ("lr", "hr")]
    for other in others:
        other.write_bytes(scan.read_bytes())
    before = scan.read_bytes()
    for other, words in zip(others, ([], ["--keep-hr"]), strict=True):
        result = run(scan, other, "-o", tmp_path, "--hr-size", 32, "--overwrite", *words)
        assert "1 of 2 scans" in str(result.exception), result.output
        assert scan.read_bytes() == other.read_bytes() == before
    assert (tmp_path / "sub-7_T2w_lr_lr.nii.gz").exists()


def test_a_series_is_written_where_all_its_names_are_free(tmp_path: Path) -> None:
    series = np.random.default_rng(0).uniform(50, 100, (40, 40, 3, 2)).astype(np.float32)
    nib.save(nib.Nifti1Image(series, AFFINE), tmp_path / "series.nii.gz")
    (tmp_path / "low").mkdir()
    (tmp_path / "low" / "series_lr-001.json").write_text("mine")
    result = run(tmp_path / "series.nii.gz", "-o", tmp_path / "low", "--hr-size", 32)
    assert "series_lr-001.json, which exists" in result.output
    assert [path.name for path in (tmp_path / "low").iterdir()] == ["series_lr-001.json"]
    assert (
        run(tmp_path / "series.nii.gz", "-o", tmp_path / "low", "--hr-size", 32, "--overwrite").exit_code == 0
    )
    assert len(list((tmp_path / "low").iterdir())) == 4
