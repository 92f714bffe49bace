"""The expected error of each voxel, beside the result."""

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.error_model import INTERPOLATED, KNOWN, ErrorModel
from lfsr_tf.errors import ConfigError
from lfsr_tf.inference import EnhanceConfig, Enhancer
from lfsr_tf.networks import TrainedModel
from lfsr_tf.physics.fourier import fft2c
from lfsr_tf.scans import Scan
from tests.inference.conftest import trained

FLOOR, NOISE = 1e-4, 0.5
MODELS = {KNOWN: ErrorModel(20.0, NOISE, FLOOR), INTERPOLATED: ErrorModel(30.0, NOISE, FLOOR)}


def calibrated(trained: TrainedModel) -> TrainedModel:
    return TrainedModel(trained.model, replace(trained.info, expected_error=MODELS))


def slices() -> np.ndarray:
    """Complex slices [3, 40, 36]: a disc with an edge and a phase, and noise in the air."""
    rows, columns = np.mgrid[-1:1:40j, -1:1:36j]
    disc = 1.0 / (1.0 + np.exp(40 * (np.hypot(rows, columns) - 0.5)))
    noise = np.random.default_rng(0).normal(0, 0.01, (3, 40, 36, 2)) @ [1, 1j]
    return (500.0 * (disc * np.exp(1j * columns) + noise)).astype(np.complex64)


def scan(images: np.ndarray, *, raw: bool) -> Scan:
    kspace = fft2c(tf.constant(images[:, None])).numpy() if raw else None
    return Scan(np.moveaxis(np.abs(images), 0, 2), np.diag([3.0, 2.0, 5.0, 1.0]), kspace=kspace)


@pytest.mark.parametrize("raw", [True, False])
def test_the_map_lies_on_the_result_and_is_largest_where_a_coarse_network_errs(
    raw: bool, single_layer: Callable[..., TrainedModel]
) -> None:
    nearest = single_layer(keras.layers.UpSampling2D(2))
    found = Enhancer(calibrated(nearest), EnhanceConfig(error_map=True))(scan(slices(), raw=raw))
    assert found.error is not None
    np.testing.assert_array_equal(found.error.affine, found.scan.affine)
    assert found.error.voxels.shape == found.scan.voxels.shape
    errors = found.error.slices()
    reference, told = found.sidecar.reference_intensity, found.sidecar.noise.sigma_relative
    assert told is not None
    least = reference * np.sqrt(NOISE * told**2 + FLOOR)
    assert errors.min() >= 0.999 * least
    rows, columns = np.mgrid[-1:1:80j, -1:1:72j]
    radius = np.hypot(rows, columns)
    assert errors[:, abs(radius - 0.5) < 0.05].mean() > 1.5 * errors[:, radius < 0.25].mean()


@pytest.mark.parametrize("raw", [True, False])
def test_the_result_is_the_same_with_a_map_and_without(raw: bool, interpolator: TrainedModel) -> None:
    trained, measured = calibrated(interpolator), scan(slices(), raw=raw)
    plain = Enhancer(trained)(measured)
    with_map = Enhancer(trained, EnhanceConfig(error_map=True))(measured)
    assert plain.error is None
    np.testing.assert_allclose(with_map.scan.voxels, plain.scan.voxels, rtol=1e-6)
    assert with_map.sidecar.views == plain.sidecar.views == (4 if raw else 1)


def test_the_map_is_in_the_unit_of_the_scan(interpolator: TrainedModel) -> None:
    enhancer = Enhancer(calibrated(interpolator), EnhanceConfig(error_map=True))
    one, ten = (enhancer(scan(factor * slices(), raw=False)).error for factor in (1.0, 10.0))
    assert one is not None and ten is not None
    np.testing.assert_allclose(ten.voxels, 10.0 * one.voxels, rtol=5e-3)


def test_tiles_make_the_same_map(interpolator: TrainedModel) -> None:
    whole, tiled = (
        Enhancer(calibrated(interpolator), EnhanceConfig(error_map=True, pixel_budget=budget))(
            scan(slices(), raw=False)
        ).error
        for budget in (65_536, 800)
    )
    assert whole is not None and tiled is not None
    np.testing.assert_allclose(tiled.voxels, whole.voxels, rtol=5e-3)


def test_a_model_that_is_not_calibrated_is_refused(interpolator: TrainedModel) -> None:
    with pytest.raises(ConfigError, match="Expected a model whose errors are calibrated"):
        Enhancer(interpolator, EnhanceConfig(error_map=True))


def test_the_map_goes_by_the_noise_of_the_scan_whatever_the_network_is_told() -> None:
    told = calibrated(trained("ResidualSR", blocks=1, filters=4, noise_level=True))
    maps = [
        Enhancer(told, EnhanceConfig(error_map=True, noise_level=level))(scan(slices(), raw=False)).error
        for level in (0.0, 0.2)
    ]
    # Untrained, it answers the same whatever it is told.
    assert maps[0] is not None and maps[1] is not None
    np.testing.assert_allclose(maps[0].voxels, maps[1].voxels, rtol=1e-3)
