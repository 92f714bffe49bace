from collections.abc import Callable

import numpy as np
import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.inference.matrix import choose_matrix, cut_to_matrix, parse_matrix_request, resampling_matrix
from lfsr_tf.inference.spectrum import AxisSpectrum
from lfsr_tf.physics.sampling import fourier_downsample
from lfsr_tf.scans import Scan, voxel_to_world

ScanOf = Callable[..., Scan]
FULL = (AxisSpectrum(64, 64, "none"), AxisSpectrum(64, 64, "none"))


@pytest.mark.parametrize(
    ("acquired", "stored"),
    [((32, 30), (64, 64)), ((31, 24), (61, 64)), ((33, 64), (65, 64)), ((21, 20), (64, 50))],
)
def test_the_cut_gives_back_the_acquired_magnitude(
    acquired: tuple[int, int],
    stored: tuple[int, int],
    complex_images: Callable[..., np.ndarray],
    zero_fill: Callable[..., np.ndarray],
    scan_of: ScanOf,
) -> None:
    images = complex_images(acquired)
    scan = scan_of(np.abs(zero_fill(images, stored)))
    cut = cut_to_matrix(scan, acquired)
    np.testing.assert_allclose(cut.slices(), np.abs(images), atol=2e-5)
    assert choose_matrix(scan, acquired, FULL).exact


def test_the_noise_keeps_its_strength_where_a_crop_of_the_magnitude_would_smooth_it(
    zero_fill: Callable[..., np.ndarray], scan_of: ScanOf
) -> None:
    noise = np.random.default_rng(0).normal(size=(4, 32, 32, 2)) @ [1, 1j]
    magnitude = np.abs(zero_fill(noise, (64, 64)))
    cut = cut_to_matrix(scan_of(magnitude), (32, 32)).slices()
    cropped = np.abs(fourier_downsample(magnitude.astype(np.float32), (32, 32)).numpy())
    assert np.std(cut) == pytest.approx(np.std(np.abs(noise)), rel=1e-5)
    assert np.std(cropped) < 0.9 * np.std(cut)


@pytest.mark.parametrize(
    ("stored", "acquired"), [((64, 64), (47, 49)), ((61, 50), (61, 34)), ((40, 41), (31, 41))]
)
def test_a_cut_by_less_than_half_is_the_k_space_crop(
    stored: tuple[int, int], acquired: tuple[int, int], scan_of: ScanOf
) -> None:
    images = np.random.default_rng(1).random((2, *stored)).astype(np.float32)
    expected = np.real(fourier_downsample(images, acquired).numpy())
    scan = scan_of(images)
    np.testing.assert_allclose(cut_to_matrix(scan, acquired).slices(), expected, atol=1e-5)
    assert not choose_matrix(scan, acquired, FULL).exact


def test_a_voxel_a_little_below_0_does_not_make_the_cut_inexact(
    complex_images: Callable[..., np.ndarray], zero_fill: Callable[..., np.ndarray], scan_of: ScanOf
) -> None:
    images = complex_images((32, 30))
    slices = np.abs(zero_fill(images, (64, 64)))
    slices[0, 0, 0] = -1e-7
    scan = scan_of(slices)
    assert choose_matrix(scan, (32, 30), FULL).exact
    np.testing.assert_allclose(cut_to_matrix(scan, (32, 30)).slices()[1], np.abs(images)[1], atol=2e-5)


def test_signed_images_are_no_magnitudes_and_are_cropped(scan_of: ScanOf) -> None:
    images = np.random.default_rng(1).normal(size=(2, 64, 64)).astype(np.float32)
    scan = scan_of(images)
    expected = np.real(fourier_downsample(images, (31, 31)).numpy())
    np.testing.assert_allclose(cut_to_matrix(scan, (31, 31)).slices(), expected, atol=1e-5)
    assert not choose_matrix(scan, (31, 31), FULL).exact


@pytest.mark.parametrize(("size", "new", "lines"), [(64, 32, 64), (64, 48, 48), (61, 30, 61), (61, 60, 60)])
def test_resampling_keeps_constants_and_sample_0_of_a_band_limited_signal(
    size: int, new: int, lines: int
) -> None:
    kernel = resampling_matrix(size, new, lines)
    np.testing.assert_allclose(kernel.sum(axis=1), 1.0)
    wave = np.cos(2 * np.pi * 5 * np.arange(size) / size + 0.3)
    np.testing.assert_allclose(kernel @ wave, np.cos(2 * np.pi * 5 * np.arange(new) / new + 0.3), atol=1e-12)


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_the_cut_keeps_the_field_of_view_and_the_place_of_sample_0(slice_axis: int, scan_of: ScanOf) -> None:
    scan = scan_of(np.random.default_rng(0).random((3, 60, 50)), slice_axis)
    cut = cut_to_matrix(scan, (30, 20))
    np.testing.assert_allclose(cut.affine[:3, 3], scan.affine[:3, 3])
    assert cut.in_plane_spacing == pytest.approx(
        (2 * scan.in_plane_spacing[0], 2.5 * scan.in_plane_spacing[1])
    )
    ends = [voxel_to_world(s.affine, s.voxels.shape) for s in (scan, cut)]
    np.testing.assert_allclose(ends[0], ends[1])


def test_nothing_is_done_where_the_matrix_is_the_scan_s_own(scan_of: ScanOf) -> None:
    scan = scan_of(np.random.default_rng(0).random((2, 20, 22)))
    assert cut_to_matrix(scan, (20, 22)) is scan


def test_the_user_s_word_goes_before_the_header_s_and_that_before_the_spectrum_s(scan_of: ScanOf) -> None:
    spectrum = (AxisSpectrum(64, 40, "edge"), AxisSpectrum(64, 64, "none"))
    slices = np.ones((2, 64, 64))
    said, silent = scan_of(slices, acquired_matrix=(32, 48)), scan_of(slices)
    chosen = {
        (request, scan is said): choose_matrix(scan, request, spectrum)
        for request in ("header", "spectrum", "full", (20, 30))
        for scan in (said, silent)
    }
    assert {key: (value.used, value.source) for key, value in chosen.items()} == {
        ("header", True): ((32, 48), "header"),
        ("header", False): ((64, 64), "none"),
        ("spectrum", True): ((32, 48), "header"),
        ("spectrum", False): ((40, 64), "spectrum"),
        ("full", True): ((64, 64), "option"),
        ("full", False): ((64, 64), "option"),
        ((20, 30), True): ((20, 30), "option"),
        ((20, 30), False): ((20, 30), "option"),
    }


@pytest.mark.parametrize("matrix", [(65, 64), (64, 128), (15, 64), (0, 64)])
def test_a_matrix_that_cannot_be_is_refused(matrix: tuple[int, int], scan_of: ScanOf) -> None:
    with pytest.raises(ConfigError, match=f"Received: {matrix[0]}x{matrix[1]}"):
        choose_matrix(scan_of(np.ones((1, 64, 64))), matrix, FULL)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("128x126", (128, 126)), ("64X64", (64, 64)), ("header", "header"), ("full", "full")],
)
def test_a_request_is_read(text: str, expected: object) -> None:
    assert parse_matrix_request(text) == expected


@pytest.mark.parametrize("text", ["128", "128x", "x126", "-1x5", "128x126x4", "auto", ""])
def test_a_request_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="128x126"):
        parse_matrix_request(text)
