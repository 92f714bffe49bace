"""A small trained model on disk."""

from pathlib import Path

import pytest

from lfsr_tf.networks import ModelInfo, ResidualSR, save_model

SETTINGS = {"blocks": 1, "filters": 4}
INFO = ModelInfo(
    name="test",
    network="ResidualSR",
    settings=SETTINGS,
    scale=2,
    version=3,
    sigma_range=(0.0, 0.08),
    spacing_range_mm=(1.0, 4.5),
    data_fingerprint="abc",
    trained_steps=7,
    package_version="0.1.0",
    metrics={"val_psnr": 30.5},
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder with a model, as training leaves it."""
    save_model(ResidualSR(**SETTINGS), INFO, tmp_path / "run" / "best.keras")
    return tmp_path / "run"
