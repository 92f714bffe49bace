"""The noise of complex images that leave no air: found across their phase, unless that cannot be trusted."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from scipy import ndimage

from lfsr_tf.physics import estimate_sigma_complex, estimate_sigma_kspace, fft2c, fourier_downsample, ifft2c
from lfsr_tf.physics.noise import high_pass_sigma
from lfsr_tf.physics.out_of_phase import AcrossPhase
from lfsr_tf.scans import read_scan

SHAPE = (80, 72)
SIGMA = 0.03
Images = NDArray[np.complexfloating]


def axes(shape: tuple[int, int] = SHAPE) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    return rows, columns


def phase_of(kind: str, shape: tuple[int, int] = SHAPE) -> NDArray[np.float64]:
    """Of a receive coil, of an echo off the centre, and of eddy currents, in radians."""
    y, x = axes(shape)
    phases = {"smooth": 1.5 * x - y + x * y, "linear": 12.0 * y + 5.0 * x, "eddy": 4 * y + y**2 - x**2 + x**3}
    return phases[kind]


def filled(kind: str = "smooth", coils: int = 1, count: int = 4) -> Images:
    """Tissue all over the image, with fine detail in phase: [N, C, H, W]."""
    y, x = axes()
    rng = np.random.default_rng(7)
    detail = ndimage.gaussian_filter(rng.normal(size=(count, *SHAPE)), (0, 0.8, 0.8), mode="wrap")
    detail *= 0.08 / detail.std() * np.exp(-2.0 * np.square(x - 0.5))
    angles = 2 * np.pi * np.arange(coils)[:, None, None] / coils
    seen = np.exp(0.5 * (x * np.cos(angles) + y * np.sin(angles)) + 1j * angles)
    seen /= np.linalg.norm(seen, axis=0)
    tissue = 0.7 + 0.2 * np.cos(2 * np.pi * y) * np.cos(np.pi * x) + detail
    return tissue[:, None] * seen * np.exp(1j * phase_of(kind))


def noise_of(shape: tuple[int, ...], seed: int = 0) -> Images:
    channels = np.random.default_rng(seed).normal(size=(2, *shape))
    return SIGMA * (channels[0] + 1j * channels[1])


@pytest.mark.parametrize("coils", [1, 4, 8])
@pytest.mark.parametrize("kind", ["smooth", "linear", "eddy"])
def test_fine_detail_in_phase_is_not_taken_for_noise(kind: str, coils: int) -> None:
    images = filled(kind, coils)
    images = images + noise_of(images.shape)
    estimate = estimate_sigma_complex(images, coil_axis=1)
    assert estimate.method == "out-of-phase"
    assert estimate.sigma == pytest.approx(SIGMA, rel=0.05)
    assert estimate.coils == pytest.approx(coils, rel=0.1)


def test_coils_are_transformed_once_and_only_where_air_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[tuple[int, ...]] = []

    def counted(images: Images) -> AcrossPhase:
        prepared.append(images.shape)
        return made(images)

    made = AcrossPhase.of
    monkeypatch.setattr(AcrossPhase, "of", counted)
    images = filled(coils=4) + noise_of((4, 4, *SHAPE))
    assert estimate_sigma_complex(images, coil_axis=1).method == "out-of-phase"
    assert prepared == [(4, 4, *SHAPE)]
    assert estimate_sigma_complex(noise_of((4, 4, *SHAPE)), coil_axis=1).method == "background"
    assert len(prepared) == 1


def test_noise_on_smooth_tissue_is_found_within_2_percent() -> None:
    tissue = (0.7 + 0.2 * np.cos(2 * axes()[1])) * np.exp(1j * phase_of("smooth"))
    images = tissue + noise_of((40, *SHAPE))
    for factor in (1.0, 1e-6, 3e4):
        assert estimate_sigma_complex(factor * images).sigma == pytest.approx(factor * SIGMA, rel=0.02)


def test_correlated_noise_of_coils_without_air_is_that_of_their_combination() -> None:
    tissue = filled(coils=8)
    shares = tissue / np.linalg.norm(tissue, axis=1, keepdims=True)
    own, common = noise_of(tissue.shape, 1), noise_of((len(tissue), 1, *SHAPE), 2) * shares
    images = tissue + own + 1.5 * common
    combined = SIGMA * np.sqrt(1.0 + 1.5**2)
    estimate = estimate_sigma_complex(images, coil_axis=1)
    assert estimate.sigma == pytest.approx(combined, rel=0.07)
    assert estimate.coils == pytest.approx((8 + 1.5**2) / (1 + 1.5**2), rel=0.15)


@pytest.mark.parametrize("correlation", [0.5, 0.72, 0.9])
def test_noise_that_mirrored_samples_share_is_left_to_the_high_pass(correlation: float) -> None:
    own, turn = noise_of((4, *SHAPE)), np.exp(1j * phase_of("smooth"))
    noise = np.sqrt(1 + correlation) * own.real + 1j * np.sqrt(1 - correlation) * own.imag
    estimate = estimate_sigma_complex((0.7 + noise) * turn)
    assert estimate.method == "high-pass"
    # Out of phase there would be 0.71 to 0.32 of it.
    assert estimate.sigma is not None and estimate.sigma > 0.8 * SIGMA


def test_phase_that_jumps_does_not_raise_the_figure() -> None:
    fat = np.random.default_rng(3).uniform(size=(4, *SHAPE)) < 0.4
    images = filled()[:, 0] * np.exp(1.5j * fat) + noise_of((4, *SHAPE))
    finest = float(high_pass_sigma(tf.constant(images)))
    assert estimate_sigma_complex(images).sigma == pytest.approx(finest, rel=0.25)


def masked(images: Images) -> Images:
    return np.where(np.hypot(*axes()) < 0.8, images, 0.0)


@pytest.mark.parametrize("coils", [1, 4])
def test_what_a_transform_leaves_where_a_mask_was_is_not_taken_for_noise(coils: int) -> None:
    images = masked(filled(coils=coils) + noise_of((4, coils, *SHAPE))).astype(np.complex64)
    estimate = estimate_sigma_kspace(fft2c(images), coil_axis=1)
    assert estimate.method == "out-of-phase"
    assert estimate.sigma == pytest.approx(SIGMA, rel=0.06)


def test_a_mask_does_not_lower_the_high_pass() -> None:
    images = noise_of((4, *SHAPE)).astype(np.complex64)
    inside = ifft2c(fft2c(masked(images)))
    assert float(high_pass_sigma(inside)) == pytest.approx(SIGMA, rel=0.02)
    np.testing.assert_allclose(high_pass_sigma(inside, per_image=True), SIGMA, rtol=0.05)
    np.testing.assert_array_equal(high_pass_sigma(tf.zeros_like(inside), per_image=True), np.zeros(4))


def test_images_of_noise_alone_or_of_nothing_have_no_phase() -> None:
    assert estimate_sigma_complex(noise_of((4, *SHAPE))).method == "background"
    assert estimate_sigma_complex(np.zeros((2, *SHAPE), np.complex64)).sigma is None


def covered(kind: str, shape: tuple[int, int] = SHAPE) -> NDArray[np.bool_]:
    """The samples of k-space that a scanner measured."""
    y, x = axes(shape)
    return {
        "all": y <= 1,
        "elliptical": np.hypot(y, x) < 1,
        "partial": y < 0.5,
        "zero-filled": np.maximum(abs(y), abs(x)) < 0.6,
    }[kind]


@pytest.mark.parametrize("coils", [1, 4])
@pytest.mark.parametrize("coverage", ["all", "elliptical", "partial", "zero-filled"])
def test_empty_parts_of_k_space_neither_lower_the_figure_nor_change_the_method(
    coverage: str, coils: int
) -> None:
    """The figure is the noise of a pixel of the image as it is."""
    kept = covered(coverage)
    kspace = np.where(kept, fft2c(filled(coils=coils) + noise_of((4, coils, *SHAPE))), 0.0)
    estimate = estimate_sigma_kspace(kspace.astype(np.complex64), coil_axis=1)
    assert estimate.method == "out-of-phase"
    assert estimate.sigma == pytest.approx(SIGMA * np.sqrt(kept.mean()), rel=0.05)


@pytest.mark.parametrize("coverage", ["all", "elliptical", "partial", "zero-filled"])
def test_the_high_pass_finds_the_noise_of_a_pixel_wherever_k_space_is_empty(coverage: str) -> None:
    kept = covered(coverage)
    images = ifft2c(np.where(kept, fft2c(noise_of((4, *SHAPE))), 0.0).astype(np.complex64))
    expected = SIGMA * np.sqrt(kept.mean())
    assert float(high_pass_sigma(images)) == pytest.approx(expected, rel=0.03)
    np.testing.assert_allclose(high_pass_sigma(images, per_image=True), expected, rtol=0.06)


@pytest.mark.parametrize("sigma", [0.01, 0.03, 0.06])
@pytest.mark.parametrize("name", ["train/msL01_study2_T1W", "val/fpg_FLAIR", "train/datalad02_T1W"])
def test_real_heads_that_fill_the_view(shared_data: Path, name: str, sigma: float) -> None:
    scan = read_scan(shared_data / f"{name}.nii.gz")
    slices = scan.slices()[int(0.4 * len(scan.slices())) :: 6][:4] / np.percentile(scan.slices(), 99.9)
    tissue = slices > 0.05
    rows, columns = (np.flatnonzero(tissue.mean(axis=axis) > 0.3) for axis in ((0, 2), (0, 1)))
    slices = slices[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    spacing = zip(slices.shape[1:], scan.in_plane_spacing, strict=True)
    turned = slices * np.exp(1j * phase_of("eddy", slices.shape[1:]))
    low = fourier_downsample(tf.constant(turned), tuple(round(n * mm / 2.5) for n, mm in spacing)).numpy()
    noisy = low + sigma / SIGMA * noise_of(low.shape)
    estimate = estimate_sigma_complex(noisy)
    assert estimate.method == "out-of-phase"
    assert estimate.sigma is not None and 0.97 < estimate.sigma / sigma < 1.05 + 0.004 / sigma
    assert float(high_pass_sigma(tf.constant(noisy))) > 1.1 * estimate.sigma


@pytest.mark.parametrize("contrast", ["T1", "T2", "FLAIR"])
@pytest.mark.parametrize("patient", ["hkuF6A", "hkuF7A"])
def test_heads_measured_at_0_055_t_have_the_noise_of_their_air(
    shared_data: Path, patient: str, contrast: str
) -> None:
    path = shared_data / "lowfield_dev" / f"{patient}_LF055T_{contrast}_kspace_fastmri_layout.h5"
    with h5py.File(path) as file:
        images = ifft2c(file["kspace"][()]).numpy()[:, 0]
    air = estimate_sigma_complex(images)
    head = np.abs(images) > 0.15 * np.percentile(np.abs(images), 99.9)
    head = ndimage.binary_fill_holes(ndimage.binary_closing(head, np.ones((1, 5, 5))))
    estimate = estimate_sigma_complex(np.where(head, images, 0.0))
    assert air.method == "background" and air.sigma is not None and estimate.sigma is not None
    # In T1w mirrored samples share their noise.
    assert estimate.method == ("high-pass" if contrast == "T1" else "out-of-phase")
    assert (1.0 if contrast == "T1" else 0.93) < estimate.sigma / air.sigma < 1.2
