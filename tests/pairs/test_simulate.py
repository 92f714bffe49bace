from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.pairs import PairsConfig, hr_slices, simulate_scan
from lfsr_tf.physics import AcquisitionConfig
from lfsr_tf.scans import Scan

CONFIG = PairsConfig(hr_size=32, lr_patch=0)


@pytest.fixture(scope="module")
def scan() -> Scan:
    x, y = np.meshgrid(np.linspace(-1, 1, 40), np.linspace(-1, 1, 50), indexing="ij")
    disc = np.repeat((200.0 * (x**2 + y**2 < 0.6))[..., None], 5, axis=2)
    return Scan(disc.astype(np.float32), np.diag([1.5, 1.5, 4.0, 1.0]), subject="s", contrast="T1w")


def test_both_scans_show_the_same_field_of_view(scan: Scan) -> None:
    simulated = simulate_scan(scan, 0.03, CONFIG)
    assert simulated.hr.slices().shape == (5, 32, 32)
    assert simulated.lr.slices().shape == (5, 16, 16)
    # 50 voxels of 1.5 mm; voxel 0 is the same place in both, five padded voxels before that of the scan.
    assert simulated.lr.in_plane_spacing == pytest.approx((75 / 16, 75 / 16))
    np.testing.assert_allclose(simulated.lr.affine[:3, 3], [-7.5, 0, 0], atol=1e-9)
    np.testing.assert_allclose(simulated.hr.affine[:3, 3], simulated.lr.affine[:3, 3])


def test_the_background_has_rician_noise_of_the_given_sigma(scan: Scan) -> None:
    simulated = simulate_scan(scan, 0.05, CONFIG)
    corner = simulated.lr.slices()[:, :2, :2]
    sigma = np.sqrt(np.mean(np.square(corner)) / 2)
    assert sigma == pytest.approx(0.05 * simulated.reference, rel=0.35)


def test_intensities_stay_in_the_units_of_the_scan(scan: Scan) -> None:
    simulated = simulate_scan(scan, 0.0, CONFIG)
    assert np.median(simulated.lr.slices()[:, 7:9, 7:9]) == pytest.approx(200.0, rel=0.1)
    assert np.median(simulated.hr.slices()[:, 14:18, 14:18]) == pytest.approx(200.0, rel=0.1)


@pytest.mark.parametrize(
    "flaws",
    [
        {},
        {"apodisation": 1.0, "apodisation_window": "hamming"},
        {"t2_decay": 2.0, "echo_order": "centric", "elliptical": True},
    ],
    ids=["none", "filter", "decay"],
)
def test_the_unit_is_that_of_the_scan_without_noise_whatever_the_scanner_does(
    scan: Scan, flaws: dict[str, Any]
) -> None:
    config = replace(CONFIG, acquisition=AcquisitionConfig(**flaws))
    simulated = simulate_scan(scan, 0.0, config)
    assert simulated.reference == pytest.approx(np.percentile(simulated.lr.voxels, 99.9), rel=1e-3)
    assert hr_slices(scan, config).reference == pytest.approx(simulated.reference)


def test_a_seed_repeats_and_another_does_not(scan: Scan) -> None:
    first, again, other = (simulate_scan(scan, 0.05, CONFIG, seed=seed).lr.voxels for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_two_slices_share_their_noise() -> None:
    # Bright everywhere: the noise is Gaussian there, without the mean that all of a dark background has.
    bright = Scan(np.full((32, 32, 5), 100.0, np.float32), np.diag([1.0, 1.0, 4.0, 1.0]))
    correlation = np.corrcoef(simulate_scan(bright, 0.05, CONFIG).lr.slices().reshape(5, -1))
    assert abs(correlation[np.triu_indices(5, 1)]).max() < 0.3


def test_neither_visits_nor_volumes_of_a_series_share_their_noise() -> None:
    bright = Scan(np.full((32, 32, 1), 100.0, np.float32), np.diag([1.0, 1.0, 4.0, 1.0]))
    visit = Scan(np.full((32, 32, 1), 101.0, np.float32), np.diag([1.0, 1.0, 4.0, 1.0]))
    simulated = [
        simulate_scan(bright, 0.05, CONFIG),
        simulate_scan(bright, 0.05, CONFIG, volume=1),
        simulate_scan(visit, 0.05, CONFIG),
    ]
    correlation = np.corrcoef([scan.lr.slices().ravel() for scan in simulated])
    assert abs(correlation[np.triu_indices(3, 1)]).max() < 0.3


def test_sigma_may_be_a_whole_number(scan: Scan) -> None:
    exact, whole = (simulate_scan(scan, sigma, CONFIG).lr.voxels for sigma in (0.0, 0))
    np.testing.assert_array_equal(exact, whole)


@pytest.mark.parametrize(
    ("slice_axis", "varies", "damped"), [(2, 1, True), (2, 0, False), (0, 2, True), (0, 1, False)]
)
def test_echoes_decay_along_the_second_in_plane_voxel_axis_and_the_mean_stays(
    slice_axis: int, varies: int, damped: bool
) -> None:
    places = np.meshgrid(*(np.arange(32.0),) * 3, indexing="ij")[varies]
    waves = (100.0 + 40.0 * np.cos(2 * np.pi * 4 * places / 32)).astype(np.float32)
    config = replace(CONFIG, acquisition=AcquisitionConfig(t2_decay=2.0, echo_order="centric"))
    scan = Scan(waves, np.eye(4), slice_axis=slice_axis)
    lr = simulate_scan(scan, 0.0, config).lr.slices()
    # 4 of the 8 steps from the centre of 16 to its rim: half of the train.
    expected = 40.0 * (np.exp(-2.0 * 4 / 8) if damped else 1.0)
    assert (lr.max() - lr.min()) / 2 == pytest.approx(expected, rel=1e-3)
    assert lr.mean() == pytest.approx(100.0, rel=1e-4)


@pytest.mark.parametrize("sigma", [-0.1, 1.0])
def test_a_sigma_out_of_range_is_refused(scan: Scan, sigma: float) -> None:
    with pytest.raises(ConfigError, match="sigma"):
        simulate_scan(scan, sigma, CONFIG)
