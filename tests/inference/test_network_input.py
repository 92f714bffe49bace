"""What a network is given of a scan, with and without raw k-space."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.inference import EnhanceConfig, enhance_scan
from lfsr_tf.inference.network_input import NetworkInput, network_input
from lfsr_tf.networks import TrainedModel
from lfsr_tf.physics.fourier import fft2c
from lfsr_tf.physics.phase import smooth_images
from lfsr_tf.scans import Scan

ScanOf = Callable[..., Scan]
Images = Callable[..., np.ndarray]


def raw(images: np.ndarray, scan_of: ScanOf) -> Scan:
    """A scan whose file held k-space of one coil."""
    kspace = fft2c(tf.constant(images[:, None], tf.complex64)).numpy()
    return scan_of(np.abs(images), kspace=kspace)


def given(scan: Scan, matrix: tuple[int, int] | str = "full", image: str | None = None) -> NetworkInput:
    return network_input(scan, matrix, image, scale=2)


def object_of(scan: NetworkInput) -> np.ndarray:
    """The noise-free slice that `complex_images` draws, of the matrix of the slices."""
    height, width = scan.scan.slices().shape[1:]
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    disc = 1.0 / (1.0 + np.exp(30 * (np.hypot(rows * 1.2, columns) - 0.7)))
    return disc * (0.6 + 0.2 * np.cos(9 * rows) * np.cos(7 * columns + 1))


def test_raw_k_space_gives_the_part_in_phase_and_all_else_the_magnitude(
    complex_images: Images, scan_of: ScanOf
) -> None:
    scan = raw(complex_images((48, 40), count=6), scan_of)
    in_phase, magnitude = given(scan), given(scan, image="magnitude")
    assert (in_phase.image, magnitude.image) == ("in_phase", "magnitude")
    np.testing.assert_allclose(magnitude.scan.voxels, scan.voxels, atol=1e-6)
    errors = {kind.image: kind.scan.slices() - object_of(kind) for kind in (in_phase, magnitude)}
    # The noise floor of a magnitude is a bias; the part in phase has less of it.
    air = object_of(in_phase) < 0.01
    power = {image: np.square(error[:, air]).mean() for image, error in errors.items()}
    assert power["in_phase"] < 0.8 * power["magnitude"]
    assert given(scan_of(scan.slices())).image == "magnitude"


@pytest.mark.parametrize("matrix", [(24, 20), (40, 30), (31, 25)])
def test_k_space_is_cropped_exactly_and_sample_0_stays(
    matrix: tuple[int, int], complex_images: Images, zero_fill: Images, scan_of: ScanOf
) -> None:
    acquired = complex_images(matrix, count=3)
    scan = raw(zero_fill(acquired, (48, 40)), scan_of)
    for image in ("in_phase", "magnitude"):
        cut, whole = given(scan, matrix, image), given(raw(acquired, scan_of), image=image)
        assert cut.matrix.exact and cut.image == image
        np.testing.assert_allclose(cut.scan.slices(), whole.scan.slices(), atol=1e-5)
        assert cut.noise.sigma is not None


def test_the_noise_is_that_of_the_cut_slices(complex_images: Images, scan_of: ScanOf) -> None:
    scan = raw(complex_images((96, 80), count=4), scan_of)
    # Half of each side keeps a quarter of the noise power.
    assert given(scan).noise.sigma == pytest.approx(0.03, rel=0.05)
    assert given(scan, (48, 40)).noise.sigma == pytest.approx(0.015, rel=0.1)


def test_the_noise_of_unequal_coils_is_that_of_their_combination(
    complex_images: Images, scan_of: ScanOf
) -> None:
    # Of the four, which are 1, 1, 1 and 4 times as bright and as noisy, the last has 16 / 19 of the share.
    quiet = complex_images((96, 80), count=4)
    loud = complex_images((96, 80), seed=1, count=4) * 4.0
    coils = np.stack([quiet, quiet[::-1], quiet[:, ::-1], loud], axis=1)
    magnitude = np.sqrt(np.square(np.abs(coils)).sum(axis=1))
    kspace = fft2c(tf.constant(coils, tf.complex64)).numpy()
    scan, expected = scan_of(magnitude, kspace=kspace, coils=4), 0.03 * np.sqrt((3 + 16 * 16) / 19)
    assert given(scan).noise.sigma == pytest.approx(expected, rel=0.05)
    assert given(scan, (48, 40)).noise.sigma == pytest.approx(expected / 2.0, rel=0.1)


@pytest.mark.parametrize("matrix", [(24, 20), (21, 19)])
@pytest.mark.parametrize("image", ["in_phase", "magnitude"])
def test_k_space_and_a_magnitude_of_twice_the_matrix_show_what_lies_between_the_samples(
    matrix: tuple[int, int], image: str, complex_images: Images, zero_fill: Images, scan_of: ScanOf
) -> None:
    acquired = complex_images(matrix, count=2)
    fine = zero_fill(acquired, (2 * matrix[0], 2 * matrix[1]))
    magnitude = np.abs(fine)
    scan = raw(acquired, scan_of) if image == "in_phase" else scan_of(magnitude)
    found = given(scan, matrix)
    assert found.image == image and list(found.views) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    np.testing.assert_array_equal(found.views[0, 0], found.scan.slices())
    smooth = zero_fill(smooth_images(tf.constant(acquired)).numpy(), fine.shape[1:])
    in_phase = np.maximum((fine * smooth.conj()).real / np.abs(smooth), 0.0)
    expected = in_phase if image == "in_phase" else magnitude
    for (down, right), view in found.views.items():
        np.testing.assert_allclose(view, expected[:, down::2, right::2], atol=5e-5)


def test_where_an_axis_is_not_known_between_its_samples_it_has_one_view(
    complex_images: Images, zero_fill: Images, scan_of: ScanOf
) -> None:
    stored = np.abs(zero_fill(complex_images((24, 30)), (48, 40)))
    assert list(given(scan_of(stored), (24, 30)).views) == [(0, 0), (1, 0)]
    assert list(given(scan_of(stored), (24, 40)).views) == [(0, 0), (1, 0)]
    assert list(given(scan_of(stored), (30, 40)).views) == [(0, 0)]
    assert list(given(scan_of(stored)).views) == [(0, 0)]


def test_coils_are_combined(complex_images: Images, scan_of: ScanOf) -> None:
    images = complex_images((48, 40), count=2)
    shares = np.array([0.6, 0.8j])[:, None, None]
    kspace = fft2c(tf.constant(images[:, None] * shares, tf.complex64)).numpy()
    both = given(scan_of(np.abs(images), kspace=kspace, coils=2))
    np.testing.assert_allclose(both.scan.slices(), given(raw(images, scan_of)).scan.slices(), atol=1e-5)


def test_the_part_in_phase_of_a_magnitude_is_refused(
    complex_images: Images, scan_of: ScanOf, interpolator: TrainedModel
) -> None:
    scan = scan_of(np.abs(complex_images((48, 40))))
    with pytest.raises(ConfigError, match="raw k-space"):
        enhance_scan(scan, interpolator, EnhanceConfig(image="in_phase"))
    with pytest.raises(ConfigError, match="Expected image"):
        EnhanceConfig(image="phase")  # type: ignore[arg-type]


def test_the_sidecar_says_what_was_enhanced(
    complex_images: Images, scan_of: ScanOf, interpolator: TrainedModel
) -> None:
    scan = raw(complex_images((48, 40), count=4), scan_of)
    found = {
        image: enhance_scan(scan, interpolator, EnhanceConfig(image=image)).sidecar
        for image in (None, "magnitude")
    }
    assert [sidecar.image for sidecar in found.values()] == ["in_phase", "magnitude"]
    resliced = enhance_scan(replace(scan, kspace=None), interpolator).sidecar
    assert resliced.image == "magnitude"
    # An interpolator keeps what it was given.
    assert all(ring.chi_square < 0.4 for ring in found[None].consistency[1:])
