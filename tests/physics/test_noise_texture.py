"""Textured tissue is not taken for noise: its sigma would be several times too high."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.physics import estimate_sigma_complex, estimate_sigma_magnitude, fourier_downsample, ifft2c
from lfsr_tf.physics.graph_noise import image_sigmas, volume_sigma
from lfsr_tf.scans import read_scan

# In these, at 3 mm, tissue looks much like noise.
SCANS = {
    "train/adi_T2W": [0.005, 0.015, 0.06, 0.08],
    "train/seg3d_T1W": [0.12],
    "train/uihA_T1W": [0.03, 0.06],
}

# Of a channel, in the same unit: of the darkest 5 % of the blocks before any noise is added.
OWN_NOISE = {
    "train/adi_T2W": 0.002,
    "train/seg3d_T1W": 0.000,
    "train/uihA_T1W": 0.022,
    "train/msL01_study2_T1W": 0.000,
    "val/fpg_FLAIR": 0.001,
    "val/uihB_T1W": 0.020,
}


def noisy(images: NDArray[np.complexfloating], sigma: float, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    channels = rng.normal(size=(2, *images.shape))
    return np.abs(images + sigma * (channels[0] + 1j * channels[1])).astype(np.float32)


def textured(air: NDArray[np.bool_], sigma: float) -> NDArray[np.float32]:
    """Slices [4, 96, 96] of tissue with the statistics of zero-filled noise of sigma 0.2, noisy."""
    rng = np.random.default_rng(1)
    spectrum = np.zeros((4, 96, 96), np.complex128)
    spectrum[:, 24:72, 24:72] = rng.normal(size=(4, 48, 48)) + 1j * rng.normal(size=(4, 48, 48))
    speckle = np.abs(np.fft.ifft2(np.fft.ifftshift(spectrum, axes=(1, 2)), norm="ortho")) * 0.2 * 2
    return noisy(np.where(air, 0.0, speckle), sigma)


@pytest.mark.parametrize("sigma", [0.01, 0.03])
def test_the_air_is_measured_where_tissue_like_noise_fills_most_of_the_image(sigma: float) -> None:
    columns = np.arange(96)
    images = textured(columns < 16, sigma)
    assert estimate_sigma_magnitude(images).sigma == pytest.approx(sigma, rel=0.05)
    np.testing.assert_allclose(image_sigmas(images), sigma, rtol=0.1)


@pytest.mark.parametrize("sigma", [0.01, 0.03])
def test_air_too_narrow_for_a_block_leaves_the_noise_unknown(sigma: float) -> None:
    columns = np.arange(96)
    images = textured(columns % 24 < 6, sigma)
    assert estimate_sigma_magnitude(images).sigma is None
    assert np.isnan(image_sigmas(images)).all()


@pytest.mark.parametrize("factor", [2, 3])
def test_zero_filling_does_not_make_the_noise_unknown(factor: int) -> None:
    """Correlated noise is darker here and there."""
    rng = np.random.default_rng(0)
    spectrum = np.zeros((6, 192, 192), np.complex128)
    inner = slice(96 - 96 // factor, 96 + 96 // factor)
    shape = spectrum[:, inner, inner].shape
    spectrum[:, inner, inner] = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    noise = np.abs(np.fft.ifft2(np.fft.ifftshift(spectrum, axes=(1, 2)), norm="ortho")) * factor
    assert estimate_sigma_magnitude(noise).sigma == pytest.approx(1.0, rel=0.05)


def head(path: Path, cut: bool) -> NDArray[np.complexfloating]:
    """Slices at 3 mm in units of the 99.9th percentile; cut to the part that is tissue nearly throughout."""
    scan = read_scan(path)
    slices = scan.slices().astype(np.float32)
    slices = slices[:: max(1, len(slices) // 14)] / np.percentile(slices, 99.9)
    if cut:
        tissue = slices > 0.05
        rows = np.flatnonzero(tissue.mean(axis=(0, 2)) > 0.3)
        columns = np.flatnonzero(tissue.mean(axis=(0, 1)) > 0.3)
        slices = slices[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    shape = [
        round(n * spacing / 3.0) for n, spacing in zip(slices.shape[1:], scan.in_plane_spacing, strict=True)
    ]
    return fourier_downsample(tf.constant(slices), shape).numpy()


@pytest.mark.parametrize(("name", "sigma"), [(name, sigma) for name in SCANS for sigma in SCANS[name]])
def test_noise_on_real_heads_is_found_in_the_air(shared_data: Path, name: str, sigma: float) -> None:
    image = noisy(head(shared_data / f"{name}.nii.gz", cut=False), sigma)
    # What the scan itself has comes on top, and outside of its darkest blocks there is more of it.
    assert 0.95 * sigma < estimate_sigma_magnitude(image).sigma < 1.2 * np.hypot(sigma, OWN_NOISE[name])
    assert float(volume_sigma(image)[0]) == pytest.approx(estimate_sigma_magnitude(image).sigma, rel=1e-5)
    each = image_sigmas(image).numpy()
    assert not (each > 1.3 * np.hypot(sigma, OWN_NOISE[name])).any()
    assert np.isfinite(each).mean() > 0.3


@pytest.mark.parametrize("sigma", [0.01, 0.03, 0.06])
@pytest.mark.parametrize("name", ["train/msL01_study2_T1W", "val/fpg_FLAIR", "val/uihB_T1W"])
def test_on_real_heads_without_air_the_noise_is_never_far_too_high(
    shared_data: Path, name: str, sigma: float
) -> None:
    image = noisy(head(shared_data / f"{name}.nii.gz", cut=True), sigma)
    found = estimate_sigma_magnitude(image).sigma
    most = 1.5 * np.hypot(sigma, OWN_NOISE[name])
    assert found is None or found < most
    # Of single slices of 25 blocks one in ten may be mistaken.
    assert (image_sigmas(image).numpy() > most).mean() < 0.1


def test_the_air_of_every_real_coil_counts_as_noise(shared_data: Path) -> None:
    """It is darker here and there, since signal of the object lies over it."""
    with h5py.File(shared_data / "readers" / "brain8ch_fastmri_layout.h5") as file:
        coils = ifft2c(file["kspace"][()])[0]
    estimates = [estimate_sigma_complex(coil) for coil in coils]
    assert {estimate.method for estimate in estimates} == {"background"}
    assert all(0.009 < (estimate.sigma or 0.0) < 0.018 for estimate in estimates)


def test_much_noise_on_a_textured_head_may_be_unknown_but_is_not_too_high(shared_data: Path) -> None:
    image = noisy(head(shared_data / "train/adi_T2W.nii.gz", cut=False), 0.12)
    found = estimate_sigma_magnitude(image).sigma
    assert found is None or found == pytest.approx(0.12, rel=0.1)
