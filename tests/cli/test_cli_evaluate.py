"""`lfsr evaluate`: the folder that it leaves, what it prints, and how it fails."""

import dataclasses
import re
from pathlib import Path

import h5py
import keras
import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from lfsr_tf.cli.app import app
from lfsr_tf.errors import ConfigError, LfsrError, ModelError, OutputError, ScanError
from lfsr_tf.networks import ModelInfo, load_model, save_model
from lfsr_tf.storage import read_json

QUICK = [
    "--hr-size",
    "32",
    "--slices-per-volume",
    "1",
    "--sigma",
    "0.02",
    "--sigma",
    "0.05",
    "--baseline",
    "zero-fill",
]


def head(seed: int, shape: tuple[int, int, int] = (40, 40, 3)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x, y, _ = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    inside = (x / 0.7) ** 2 + (y / 0.8) ** 2 < 1
    return (inside * (500.0 + 50.0 * rng.standard_normal(shape))).astype(np.float32)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose network repeats pixels, with a short history."""
    folder = tmp_path_factory.mktemp("run")
    lr = keras.Input((None, None, 1))
    repeat = keras.layers.Conv2DTranspose(1, 2, strides=2, use_bias=False, kernel_initializer="ones")
    info = ModelInfo(name="repeater", network="custom", settings={}, scale=2)
    save_model(keras.Model(lr, repeat(lr)), info, folder / "best.keras")
    (folder / "history.csv").write_text("epoch,loss,val_loss\n0,0.5,0.6\n1,0.4,0.5\n")
    return folder


@pytest.fixture(scope="module")
def scan_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    for seed, name in enumerate(("sub-01_T1w", "sub-02_T1w")):
        nib.save(nib.Nifti1Image(head(seed), np.diag([2.0, 2.0, 5.0, 1.0])), folder / f"{name}.nii.gz")
    return folder


def run(*words: object, columns: int = 160) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, words)], env={"COLUMNS": str(columns)})


def write_kspace(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    image = np.moveaxis(head(5, (64, 64, 2)) / 500.0, 2, 0)
    image = image + 0.03 * (rng.standard_normal(image.shape) + 1j * rng.standard_normal(image.shape))
    samples = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image, axes=(1, 2)), norm="ortho"), axes=(1, 2))
    with h5py.File(path, "w") as file:
        file["kspace"] = samples[:, None].astype(np.complex64)
    return path


def test_it_leaves_a_report_figures_and_pictures(run_folder: Path, scan_folder: Path, tmp_path: Path) -> None:
    kspace = write_kspace(tmp_path / "low_T1.h5")
    output = tmp_path / "report"
    result = run(run_folder, scan_folder, "-o", output, *QUICK, "--lowfield-kspace", kspace)
    assert result.exit_code == 0, result.output
    assert {path.name for path in output.iterdir()} == {
        "report.html",
        "results.json",
        "results.csv",
        "pictures",
    }
    assert len(list((output / "pictures").glob("*.png"))) == 2 * (2 + 2 * 2)
    found = read_json(output / "results.json")
    assert found["config"]["sigmas"] == [0.02, 0.05]
    assert found["model"]["name"] == "repeater"
    methods = ["complex zero-fill", "zero-fill", "model"]
    judged = [(row["image"], row["method"]) for row in found["outer_band"]]
    assert judged == [(image, method) for image in ("magnitude", "in_phase") for method in methods]
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "Training</h3>" in page and "repeater" in page and 'id="measured"' in page
    for word in ("PSNR (dB), inside the head mask", "SSIM", "Zero-filling", "Network", "report.html"):
        assert word in result.output


def test_80_columns_break_no_name_of_a_measured_scan_and_no_heading(
    run_folder: Path, scan_folder: Path, tmp_path: Path
) -> None:
    names = [f"visit-{visit}/a_scan_[of_many]_whose_name_takes_nearly_a_line_T1.h5" for visit in (1, 2)]
    given = [word for name in names for word in ("--lowfield-kspace", write_kspace(tmp_path / name))]
    baselines = [word for name in ("nlm", "nlm-biased") for word in ("--baseline", name)]
    arguments = (run_folder, scan_folder, "-o", tmp_path / "report", *QUICK, *baselines, *given)
    result = run(*arguments, columns=80)
    assert result.exit_code == 0, result.output
    measured = result.output[result.output.index("Fraction of the measured outer band") :]
    for words in (*names, "Zero-filling, complex", "Non-local means, biased"):
        assert words in measured
    assert re.search(r"Magnitude ┃ +In phase", measured)


def test_100_columns_hold_what_the_captions_promise(
    run_folder: Path, scan_folder: Path, tmp_path: Path
) -> None:
    baselines = [word for name in ("cubic", "nlm") for word in ("--baseline", name)]
    given = ["--lowfield-kspace", write_kspace(tmp_path / "low_T1.h5")]
    result = run(run_folder, scan_folder, "-o", tmp_path / "report", *QUICK, *baselines, *given, columns=100)
    assert result.exit_code == 0, result.output
    table, differences, measured = re.split(r"\n(?=SSIM|PSNR .*minus|Fraction)", result.output)[1:]
    number = r"[+−]?\d+\.\d+"
    assert len(re.findall(rf"{number} ±{number} ", table)) == 2 * 4
    assert len(re.findall(rf"{number} {number} to {number} ", differences)) == 2 * 3
    assert len(re.findall(rf"{number} {number} to {number} ", measured)) == 2 * 4


def test_the_acquisition_of_a_preset_is_simulated_and_another_than_the_trained_one_is_warned_of(
    run_folder: Path, scan_folder: Path, tmp_path: Path
) -> None:
    trained = load_model(run_folder)
    info = dataclasses.replace(trained.info, acquisition={"t2_decay": 2.0}, sigma_range=(0.0, 0.03))
    save_model(trained.model, info, tmp_path / "own" / "best.keras")
    preset = tmp_path / "own.toml"
    preset.write_text("hr_size = 64\n[acquisition]\nt2_decay = 2.0\nsigma_max = 0.05\n")
    plain = run(tmp_path / "own", scan_folder, "-o", tmp_path / "plain", *QUICK)
    own = run(tmp_path / "own", scan_folder, "-o", tmp_path / "report", *QUICK, "--acquisition", preset)
    assert (plain.exit_code, own.exit_code) == (0, 0), plain.output + own.output
    assert "lfsr: warning: The model was trained for another acquisition" in plain.stderr
    assert "another acquisition" not in own.stderr
    for result in (plain, own):
        assert "lfsr: warning: Noise of 0.05 of the reference intensity is outside" in result.stderr
    assert read_json(tmp_path / "report" / "results.json")["config"]["acquisition"]["t2_decay"] == 2.0
    assert "T2 decay" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def test_an_earlier_report_is_kept_unless_it_may_be_replaced(
    run_folder: Path, scan_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "report"
    output.mkdir()
    (output / "mine.txt").write_text("keep")
    result = run(run_folder, scan_folder, "-o", output, *QUICK)
    assert isinstance(result.exception, OutputError)
    assert [path.name for path in output.iterdir()] == ["mine.txt"]
    assert run(run_folder, scan_folder, "-o", tmp_path / "earlier", *QUICK).exit_code == 0
    assert run(run_folder, scan_folder, "-o", tmp_path / "earlier", *QUICK, "--overwrite").exit_code == 0
    assert (tmp_path / "earlier" / "report.html").is_file()


def test_no_folder_of_anything_else_is_replaced(run_folder: Path, scan_folder: Path, tmp_path: Path) -> None:
    album = tmp_path / "album"
    (album / "pictures").mkdir(parents=True)
    for folder in (run_folder, scan_folder, album):
        before = sorted(folder.iterdir())
        result = run(run_folder, scan_folder, "-o", folder, *QUICK, "--overwrite")
        assert isinstance(result.exception, OutputError) and "other things" in str(result.exception)
        assert sorted(folder.iterdir()) == before


def test_a_broken_scan_is_named_at_the_end_and_the_report_is_made_from_the_others(
    run_folder: Path, scan_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "sub-01_T1w.nii.gz").write_bytes((scan_folder / "sub-01_T1w.nii.gz").read_bytes())
    (folder / "sub-09_T1w.nii.gz").write_text("this is text")
    result = run(run_folder, folder, "-o", tmp_path / "report", *QUICK)
    assert isinstance(result.exception, LfsrError)
    assert "1 of 2 scans could not be used: sub-09_T1w.nii.gz. See the messages above" in str(
        result.exception
    )
    assert "sub-09" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (["--baseline", "bicubic"], ConfigError, "bicubic"),
        (["--sigma", "2"], ConfigError, "sigma"),
        (["--data-range", "max"], ConfigError, "data_range"),
        (["--acquisition", "nowhere.toml"], ConfigError, "path of a TOML file. Received: nowhere.toml"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_wrong_setting_leaves_nothing(
    run_folder: Path, scan_folder: Path, tmp_path: Path, change: list, error: type, words: str
) -> None:
    result = run(run_folder, scan_folder, "-o", tmp_path / "report", *change)
    assert isinstance(result.exception, error)
    assert words in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_model_or_without_scans_leaves_nothing(
    run_folder: Path, scan_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    no_model = run(tmp_path / "empty", scan_folder, "-o", tmp_path / "report")
    no_scans = run(run_folder, tmp_path / "empty", "-o", tmp_path / "report")
    assert isinstance(no_model.exception, ModelError)
    assert isinstance(no_scans.exception, ScanError)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
