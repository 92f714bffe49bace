"""Runs one subcommand by itself, on a small model and a small scan."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from lfsr_tf.cli.console import console
from lfsr_tf.networks import ModelInfo, build_network, save_model


@pytest.fixture(autouse=True)
def width_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are as wide as COLUMNS says when they are printed; some library may have set it before."""
    monkeypatch.setattr(console, "_width", None)


@pytest.fixture
def run_command() -> Callable[..., Result]:
    """Call a subcommand with arguments, as `lfsr` would; an LfsrError is the result's exception."""

    def run(command: Callable[..., None], *arguments: object) -> Result:
        app = typer.Typer()
        app.command()(command)
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with an untrained ResidualSR, which interpolates."""
    settings = {"blocks": 1, "filters": 4}
    folder = tmp_path_factory.mktemp("run")
    info = ModelInfo("tiny", "ResidualSR", settings, 2, sigma_range=(0.0, 0.08))
    save_model(build_network("ResidualSR", **settings), info, folder / "best.keras")
    return folder


@pytest.fixture
def small_scan(tmp_path: Path) -> Callable[..., Path]:
    """Write a small noisy scan under a name."""

    def make(name: str = "sub-01_T2w.nii.gz", shape: tuple[int, ...] = (40, 36, 3)) -> Path:
        generator = np.random.default_rng(0)
        voxels = np.zeros(shape)
        voxels[10:30, 8:28] = 50 + 20 * generator.random(3)[0]
        voxels = np.abs(voxels + 2 * (generator.normal(size=(*shape, 2)) @ [1, 1j]))
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(voxels.astype(np.float32), np.diag([2, 2, 5, 1])), path)
        return path

    return make
