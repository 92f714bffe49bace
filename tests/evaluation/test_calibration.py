"""Error models are found again where the errors are made by one, and tell those of a shipped model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.error_model import INTERPOLATED, KNOWN, ErrorModel
from lfsr_tf.errors import ConfigError
from lfsr_tf.evaluation import EvaluationConfig, calibrate
from lfsr_tf.evaluation.acquisitions import study_volume
from lfsr_tf.evaluation.calibration import ErrorSample, error_samples, fit_error_model
from lfsr_tf.evaluation.methods import model_method
from lfsr_tf.hashing import sha256_file
from lfsr_tf.model_info import scan_mark
from lfsr_tf.models import load_model
from lfsr_tf.physics.settings import AcquisitionConfig
from lfsr_tf.scans import phantom_scan, write_scan

CONFIG = EvaluationConfig(sigmas=(0.01, 0.04), slices_per_volume=2, hr_size=96)


def sample(model: ErrorModel, noise_level: float, seed: int) -> ErrorSample:
    generator = np.random.default_rng(seed)
    variance = generator.gamma(1.0, 2e-4, 20_000)
    expected = model.mean_square(variance, noise_level)
    # Ten independent errors to a neighbourhood.
    mean_square = expected * generator.chisquare(10, expected.size) / 10
    return ErrorSample(noise_level, variance, mean_square, np.sqrt(expected))


def test_the_numbers_that_made_the_errors_are_found() -> None:
    truth = ErrorModel(20.0, 0.5, 4e-4)
    found = fit_error_model([sample(truth, level, seed) for seed, level in enumerate((0.0, 0.03, 0.06))])
    assert (found.spread, found.noise, found.floor) == pytest.approx((20.0, 0.5, 4e-4), rel=0.1)


def test_no_number_is_below_0() -> None:
    never = ErrorModel(20.0, 0.0, 0.0)
    found = fit_error_model([sample(never, level, seed) for seed, level in enumerate((0.0, 0.03, 0.06))])
    assert found.spread == pytest.approx(20.0, rel=0.05)
    assert 0.0 <= found.noise < 0.05 and 0.0 <= found.floor < 2e-5


def test_a_models_errors_on_one_phantom_are_told_from_those_on_others() -> None:
    fast = load_model("fast")
    models = calibrate(fast, [phantom_scan(number, "T1w", slices=12) for number in (1, 2)], CONFIG)
    assert set(models) == {KNOWN, INTERPOLATED}
    volume = study_volume(phantom_scan(3, "T1w", slices=12), "third", 2, CONFIG)
    for origin, found in error_samples(model_method(fast.model, 4), volume, CONFIG):
        expected = models[origin].mean_square(found.variance, found.noise_level)
        assert 0.6 < np.sqrt(expected.mean() / found.mean_square.mean()) < 1.6
        assert np.corrcoef(expected, found.mean_square)[0, 1] > 0.2


def test_scans_of_the_training_are_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii.gz"
    write_scan(phantom_scan(1, "T1w", slices=2), path)
    fast = load_model("fast")
    trained = replace(fast, info=replace(fast.info, trained_on=(scan_mark(sha256_file(path)),)))
    with pytest.warns(UserWarning, match="1 of 1 scans were trained on"):
        calibrate(trained, path, replace(CONFIG, sigmas=(0.04,), slices_per_volume=1))


def test_a_calibrated_model_keeps_its_numbers_on_disk(tmp_path: Path) -> None:
    from lfsr_tf.networks import ModelInfo, build_network, load_model, save_model

    settings = {"blocks": 1, "filters": 4}
    models = {KNOWN: ErrorModel(20.0, 0.5, 4e-4), INTERPOLATED: ErrorModel(24.0, 0.6, 6e-4)}
    info = replace(ModelInfo("mine", "ResidualSR", settings, 2), expected_error=models)
    save_model(build_network("ResidualSR", **settings), info, tmp_path / "best.keras")
    assert load_model(tmp_path).info.expected_error == models


def test_another_acquisition_than_the_plain_crop_is_refused() -> None:
    config = replace(CONFIG, acquisition=AcquisitionConfig(t2_decay=2.0))
    with pytest.raises(ConfigError, match="another t2_decay"):
        calibrate(load_model("fast"), [phantom_scan(1, "T1w", slices=12)], config)
