"""`lfsr prepare`: a whole run as a user types it, and how it fails."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from lfsr_tf.cli.app import app
from lfsr_tf.cli.prepare import _print_summary
from lfsr_tf.errors import ConfigError
from lfsr_tf.pairs import PairsConfig, load_preset, open_dataset
from lfsr_tf.pairs.dataset import Split
from lfsr_tf.pairs.preparing import prepare


def lfsr(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lfsr_tf", *map(str, words)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    disc = (np.hypot(*np.meshgrid(np.linspace(-1, 1, 36), np.linspace(-1, 1, 36))) < 0.8)[..., None]
    for name, value in (("train/sub-1", 1), ("train/sub-2", 2), ("val/sub-3", 3)):
        (folder / name).parent.mkdir(exist_ok=True)
        voxels = np.repeat(disc * 100.0 * value, 4, axis=2).astype(np.float32)
        nib.save(nib.Nifti1Image(voxels, np.diag([3.0, 3.0, 6.0, 1.0])), folder / f"{name}_T1w.nii.gz")
    return folder


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[PairsConfig]:
    """The settings with which the preparation is called; it ends at once."""
    configs: list[PairsConfig] = []

    def prepare_dataset(
        train: Path, validation: Path, output: Path, config: PairsConfig, **more: object
    ) -> None:
        configs.append(config)
        raise ConfigError("enough")

    monkeypatch.setattr(prepare, "prepare_dataset", prepare_dataset)
    return configs


def test_without_options_the_quick_preset_is_used(received: list[PairsConfig]) -> None:
    CliRunner().invoke(app, ["prepare", "a", "b", "-o", "c"])
    assert received == [load_preset("quick")]


def test_options_change_the_preset(received: list[PairsConfig]) -> None:
    words = (
        "prepare a b -o c --preset paper --hr-size 64 --lr-patch 8 --seed 5 --sigma-max 0.02 --noise-copies 1"
    )
    CliRunner().invoke(app, words.split())
    config = received[0]
    assert (config.hr_size, config.lr_patch, config.seed, config.noise_copies) == (64, 8, 5, 1)
    assert config.acquisition.sigma_max == 0.02
    assert config.train_pairs == load_preset("paper").train_pairs


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("--train-pairs 1000", "train_pairs=1000"),
        ("--validation-pairs 100", "validation_pairs=100"),
        ("--noise-copies 2", "noise_copies=2"),
        (
            "--preset paper --mode slices",
            "train_pairs=190000, validation_pairs=10000, noise_copies=4",
        ),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    received: list[PairsConfig], words: str, reason: str
) -> None:
    done = CliRunner().invoke(app, ["prepare", "a", "b", "-o", "c", *words.split()])
    assert isinstance(done.exception, ConfigError)
    assert f"with mode='slices', whose pairs are drawn anew in every epoch. Received: {reason}." in str(
        done.exception
    )
    assert not received


def test_a_run_prints_what_it_made_and_shows_no_start_up_notices(scans: Path, tmp_path: Path) -> None:
    output = tmp_path / "records"
    options = ["--mode", "pairs", "--hr-size", 32, "--lr-patch", 8, "--patches-per-slice", 3, "--workers", 1]
    done = lfsr("prepare", scans / "train", scans / "val", "-o", output, *options)
    assert done.returncode == 0, done.stderr
    assert "train: 24 pairs from 8 slices of 2 subjects (T1w 8)" in done.stdout
    assert "validation: 12 pairs from 4 slices of 1 subject (T1w 4)" in done.stdout
    assert "tensorflow" not in done.stderr.lower()
    assert open_dataset(output).train.records == 24


def test_a_contrast_in_brackets_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    split = Split((), 4, ("sub-1",), {"PD [/b]": 1, "T1 [post]": 3})
    info = SimpleNamespace(config=PairsConfig(), folder=Path("r"), fingerprint="f", split=lambda name: split)
    _print_summary(info)
    assert capsys.readouterr().out.count("(PD [/b] 1, T1 [post] 3)") == 2


def test_a_corrupt_scan_makes_the_exit_code_and_one_line(scans: Path, tmp_path: Path) -> None:
    broken = tmp_path / "train"
    broken.mkdir()
    (broken / "sub-8_T1w.nii.gz").write_text("this is no NIfTI")
    (broken / "sub-1_T1w.nii.gz").write_bytes((scans / "train" / "sub-1_T1w.nii.gz").read_bytes())
    options = ["--mode", "pairs", "--hr-size", 32, "--lr-patch", 8, "--workers", 1]
    done = lfsr("prepare", broken, scans / "val", "-o", tmp_path / "records", *options)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if "error" in line]
    assert len(errors) == 1 and "sub-8_T1w.nii.gz" in errors[0]
    assert open_dataset(tmp_path / "records").train.subjects == ("sub-1",)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["absent", "-o", "records"], "absent"),
        ([".", "-o", "records", "--mode", "both"], "mode"),
        ([".", "-o", "records", "--preset", "none"], "paper, quick"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = lfsr("prepare", *words, "--workers", 1)
    assert done.returncode == 1
    assert done.stderr.startswith("lfsr: error: ") and len(done.stderr.splitlines()) == 1
    assert reason in done.stderr
    assert not list(tmp_path.iterdir())
