from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.inference.spectrum import AxisSpectrum, energy_profile, occupied_matrix
from lfsr_tf.physics.noise import estimate_sigma_magnitude
from lfsr_tf.scans import Scan, read_scan

ScanOf = Callable[..., Scan]
Images = Callable[..., np.ndarray]


def spectrum_of(scan: Scan) -> tuple[AxisSpectrum, AxisSpectrum]:
    return occupied_matrix(scan, estimate_sigma_magnitude(scan.slices()).sigma)


@pytest.mark.parametrize("shape", [(64, 50), (61, 47)])
@pytest.mark.parametrize("axis", [1, 2])
def test_white_noise_has_its_variance_on_every_line(shape: tuple[int, int], axis: int) -> None:
    noise = np.random.default_rng(0).normal(0, 3.0, (40, *shape))
    profile = energy_profile(noise, axis)
    assert profile.shape == (shape[axis - 1] // 2 + 1,)
    np.testing.assert_allclose(profile, 9.0, rtol=0.2)
    assert profile.mean() == pytest.approx(9.0, rel=0.03)


@pytest.mark.parametrize("shape", [(128, 128), (128, 101), (64, 64), (200, 96)])
def test_an_image_of_its_full_matrix_has_no_rim(
    shape: tuple[int, int], complex_images: Images, scan_of: ScanOf
) -> None:
    found = spectrum_of(scan_of(np.abs(complex_images(shape, count=4))))
    assert [axis.rule for axis in found] == ["none", "none"]
    assert (found[0].occupied, found[1].occupied) == shape


@pytest.mark.parametrize(
    ("acquired", "stored"), [((64, 63), (128, 128)), ((50, 64), (101, 130)), ((40, 40), (128, 128))]
)
def test_the_matrix_is_found_exactly_where_it_is_at_most_half(
    acquired: tuple[int, int],
    stored: tuple[int, int],
    complex_images: Images,
    zero_fill: Images,
    scan_of: ScanOf,
) -> None:
    found = spectrum_of(scan_of(np.abs(zero_fill(complex_images(acquired), stored))))
    assert (found[0].occupied, found[1].occupied) == acquired
    assert {axis.rule for axis in found} == {"squared magnitude"}


@pytest.mark.parametrize("acquired", [(100, 90), (85, 110)])
def test_the_matrix_is_found_to_a_few_lines_where_it_is_more_than_half(
    acquired: tuple[int, int], complex_images: Images, zero_fill: Images, scan_of: ScanOf
) -> None:
    magnitude = np.abs(zero_fill(complex_images(acquired, count=4), (128, 128)))
    found = spectrum_of(scan_of(magnitude))
    assert {axis.rule for axis in found} == {"edge"}
    assert (found[0].occupied, found[1].occupied) == pytest.approx(acquired, abs=6)


def test_the_matrix_is_found_in_images_stored_as_integers(
    complex_images: Images, zero_fill: Images, scan_of: ScanOf
) -> None:
    magnitude = np.abs(zero_fill(complex_images((64, 64), count=4), (128, 128)))
    found = spectrum_of(scan_of(np.round(400 * magnitude)))
    assert (found[0].occupied, found[1].occupied) == pytest.approx((64, 64), abs=6)


@pytest.mark.parametrize("stored", [(144, 144), (168, 144), (192, 192), (256, 256)])
@pytest.mark.parametrize("levels", [250, 1000])
def test_the_matrix_is_found_where_coarse_integers_hide_the_end_of_the_squared_magnitude(
    stored: tuple[int, int], levels: int, complex_images: Images, zero_fill: Images, scan_of: ScanOf
) -> None:
    magnitude = np.abs(zero_fill(complex_images((64, 64), count=4), stored))
    found = spectrum_of(scan_of(np.round(levels * magnitude)))
    assert (found[0].occupied, found[1].occupied) == pytest.approx((64, 64), abs=4)


@pytest.mark.parametrize("stored", [80, 86])
def test_an_edge_is_found_in_small_images_whose_noise_is_known(
    stored: int, complex_images: Images, zero_fill: Images, scan_of: ScanOf
) -> None:
    scan = scan_of(np.abs(zero_fill(complex_images((64, 64), count=4), (stored, stored))))
    found = occupied_matrix(scan, 0.03)
    assert (found[0].occupied, found[1].occupied) == pytest.approx((64, 64), abs=4)
    assert [axis.rule for axis in occupied_matrix(scan)] == ["none", "none"]


@pytest.mark.parametrize("matrix", [72, 80, 90, 128])
@pytest.mark.parametrize("sigma", [0.03, None])
def test_an_object_that_fades_into_the_noise_of_its_full_matrix_has_no_edge(
    matrix: int, sigma: float | None, complex_images: Images, scan_of: ScanOf
) -> None:
    for seed in range(4):
        scan = scan_of(np.abs(complex_images((matrix, matrix), seed=seed, count=4)))
        assert not any(axis.has_rim for axis in occupied_matrix(scan, sigma))


@pytest.mark.parametrize("stored", [(96, 96), (115, 115)])
def test_the_sharp_border_of_a_smooth_object_is_not_taken_for_the_edge(
    stored: tuple[int, int], zero_fill: Images, scan_of: ScanOf
) -> None:
    """Its waves end at a line far inside of the acquired ones."""
    rows, columns = np.mgrid[-1:1:64j, -1:1:64j]
    disc = 1.0 / (1.0 + np.exp((30 * (np.hypot(rows * 1.2, columns) - 0.7)).clip(-50, 50)))
    waves = 0.6 + 0.2 * np.cos(25 * rows) * np.cos(20 * columns + 1)
    noise = np.random.default_rng(3).normal(0, 0.005, (4, 64, 64, 2)) @ [1, 1j]
    images = disc * waves * np.exp(2j * (rows + columns**2)) + noise
    scan = scan_of(np.round(255 * np.abs(zero_fill(images, stored))))
    for sigma in (1.3, None):
        found = occupied_matrix(scan, sigma)
        assert (found[0].occupied, found[1].occupied) == pytest.approx((64, 64), abs=4)


def test_images_smoothed_below_their_noise_have_a_rim(complex_images: Images, scan_of: ScanOf) -> None:
    magnitude = np.abs(complex_images((64, 64), count=4)).repeat(4, axis=1).repeat(4, axis=2)
    kernel = np.hanning(9)[1:-1] / np.hanning(9)[1:-1].sum()
    for axis in (1, 2):
        magnitude = np.apply_along_axis(np.convolve, axis, magnitude, kernel, mode="same")
    found = occupied_matrix(scan_of(magnitude), sigma=0.03)
    assert all(axis.has_rim for axis in found)


@pytest.mark.parametrize("acquired", [None, (64, 50)])
def test_scans_with_their_k_space_need_no_estimate(acquired: tuple[int, int] | None, scan_of: ScanOf) -> None:
    kspace = np.ones((1, 1, 64, 50), np.complex64)
    scan = scan_of(np.ones((1, 64, 50)), kspace=kspace, acquired_matrix=acquired)
    assert occupied_matrix(scan, 0.1) == (AxisSpectrum(64, 64, "none"), AxisSpectrum(50, 50, "none"))


def test_zeros_around_the_measured_k_space_are_seen_not_estimated(
    complex_images: Images, scan_of: ScanOf
) -> None:
    kspace = np.zeros((2, 1, 96, 64), np.complex64)
    kspace[:, 0, 18:78] = complex_images((60, 64))
    scan = scan_of(np.abs(kspace[:, 0]), kspace=kspace, acquired_matrix=(60, 64))
    assert occupied_matrix(scan, 0.1) == (AxisSpectrum(96, 60, "k-space"), AxisSpectrum(64, 64, "none"))


@pytest.mark.parametrize("subject", ["hkuF6A", "hkuF7A"])
@pytest.mark.parametrize(
    ("contrast", "acquired"), [("T1", (196, 128)), ("T2", (126, 128)), ("FLAIR", (117, 128))]
)
def test_the_acquired_matrix_of_the_0_055_t_scans_is_found(
    subject: str, contrast: str, acquired: tuple[int, int], shared_data: Path
) -> None:
    # The FLAIR scans' k-space has 126 columns, of which the outer nine hold nothing.
    scan = read_scan(shared_data / "lowfield_dev" / f"{subject}_LF055T_{contrast}.nii.gz")
    found = spectrum_of(scan)
    assert (found[0].occupied, found[1].occupied) == pytest.approx(acquired, abs=4)
    assert found[1] == AxisSpectrum(256, 128, "squared magnitude")


@pytest.mark.parametrize("subject", ["hkuF6A", "hkuF7A"])
@pytest.mark.parametrize("contrast", ["T1", "T2", "FLAIR"])
def test_the_same_scans_of_their_own_matrix_have_no_rim(
    subject: str, contrast: str, shared_data: Path
) -> None:
    name = f"{subject}_LF055T_{contrast}_kspace_fastmri_layout.h5"
    scan = read_scan(shared_data / "lowfield_dev" / name)
    magnitude = Scan(voxels=scan.voxels, affine=scan.affine)
    assert not any(axis.has_rim for axis in spectrum_of(magnitude))
