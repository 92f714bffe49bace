from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import rotate

from lfsr_tf.errors import ScanError
from lfsr_tf.pairs import PairsConfig, hr_scan, hr_slices, simulate_scan
from lfsr_tf.pairs.slices import hr_steps
from lfsr_tf.scans import Scan, voxel_to_world


def scan_of(
    voxels: np.ndarray, spacing: tuple[float, float, float] = (1.0, 1.0, 5.0), **more: object
) -> Scan:
    return Scan(voxels.astype(np.float32), np.diag([*spacing, 1.0]), subject="s", contrast="T1w", **more)


def squared(scan: Scan) -> Scan:
    steps = hr_steps(scan, PairsConfig(hr_size=16, lr_patch=8))
    return scan.padded(steps.before, steps.after)


def blob(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], centre_mm: tuple[float, float]
) -> np.ndarray:
    """A smooth spot at a known place in the patient, on an affine without offset."""
    x = np.arange(shape[0])[:, None] * spacing[0] - centre_mm[0]
    y = np.arange(shape[1])[None, :] * spacing[1] - centre_mm[1]
    return np.repeat(np.exp(-(x**2 + y**2) / (2 * 9.0**2))[..., None], shape[2], axis=2)


SMALL = PairsConfig(hr_size=32, lr_patch=8)


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((64, 64, 3), (1.0, 1.0, 5.0)),
        ((61, 48, 3), (1.0, 1.0, 5.0)),
        ((50, 70, 3), (1.5, 0.9, 5.0)),
        ((37, 80, 3), (1.7, 0.8, 5.0)),
    ],
)
def test_a_landmark_keeps_its_place_in_the_patient(shape, spacing) -> None:
    centre = (30.0, 26.0)
    hr = hr_scan(scan_of(blob(shape, spacing, centre), spacing), SMALL)
    plane = hr.slices()[1]
    weights = plane**4 / (plane**4).sum()
    rows, columns = np.indices(plane.shape)
    found = voxel_to_world(hr.affine, [(weights * rows).sum(), (weights * columns).sum(), 1.0])
    np.testing.assert_allclose(found, [*centre, 5.0], atol=0.3)


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((40, 60, 2), (1.0, 1.0, 5.0)), ((50, 50, 2), (1.0, 2.0, 5.0)), ((41, 77, 2), (1.3, 0.7, 5.0))],
)
def test_the_field_of_view_becomes_square_to_within_half_a_voxel(shape, spacing) -> None:
    square = squared(scan_of(np.ones(shape), spacing))
    height, width = (
        size * step for size, step in zip(square.slices().shape[1:], square.in_plane_spacing, strict=True)
    )
    assert abs(height - width) <= max(spacing[:2]) / 2
    # Nothing is stretched: every old voxel is still there, unchanged.
    assert square.voxels.sum() == np.prod(shape)
    assert square.in_plane_spacing == pytest.approx(spacing[:2])


def test_padding_is_on_both_sides() -> None:
    square = squared(scan_of(np.ones((10, 30, 2))))
    assert square.voxels[:10].sum() == square.voxels[20:].sum() == 0
    np.testing.assert_array_equal(square.affine[:3, 3], [-10, 0, 0])


def test_a_constant_inside_keeps_its_value_through_the_crop() -> None:
    assert hr_scan(scan_of(np.full((64, 64, 2), 7.0)), SMALL).voxels == pytest.approx(7.0, rel=1e-5)


def test_slices_are_in_units_of_the_noise_free_lr_volume() -> None:
    volume = blob((64, 64, 4), (1.0, 1.0, 5.0), (30.0, 30.0)) * 1000
    slices = hr_slices(scan_of(volume), SMALL)
    low = (
        np.abs(np.fft.ifft2(np.fft.ifftshift(_centre(slices.images * slices.reference, 16), axes=(1, 2)))) / 4
    )
    assert slices.reference == pytest.approx(np.percentile(low, 99.9), rel=1e-4)
    assert slices.images.dtype == np.float32


def _centre(images: np.ndarray, side: int) -> np.ndarray:
    first = (images.shape[1] - side) // 2
    block = slice(first, first + side)
    return np.fft.fftshift(np.fft.fft2(images), axes=(1, 2))[:, block, block]


@pytest.mark.parametrize("gain", [1e-3, 4096.0])
def test_normalised_slices_do_not_depend_on_the_scans_units(gain: float) -> None:
    volume = blob((64, 64, 4), (1.0, 1.0, 5.0), (30.0, 30.0))
    np.testing.assert_allclose(
        hr_slices(scan_of(volume * gain), SMALL).images,
        hr_slices(scan_of(volume), SMALL).images,
        rtol=1e-4,
        atol=1e-6,
    )


def test_slices_without_head_are_dropped_and_the_others_keep_their_numbers() -> None:
    volume = np.repeat(blob((64, 64, 1), (1.0, 1.0, 5.0), (30.0, 30.0)), 5, axis=2)
    volume[..., [0, 3]] = 0.0
    slices = hr_slices(scan_of(volume), SMALL)
    assert slices.indices.tolist() == [1, 2, 4]
    assert (slices.head_fraction >= SMALL.min_head_fraction).all()


def test_a_named_plane_cuts_across_that_axis_of_the_patient() -> None:
    volume = np.random.default_rng(0).random((40, 50, 60))
    for plane, axis in (("sagittal", 0), ("coronal", 1), ("axial", 2)):
        config = PairsConfig(hr_size=32, lr_patch=8, plane=plane, min_head_fraction=0.0)
        assert len(hr_slices(scan_of(volume, (1.0, 1.0, 1.0)), config).images) == volume.shape[axis]


def test_a_scan_below_the_hr_size_is_refused_not_upsampled() -> None:
    with pytest.raises(ScanError, match=r"at least 32 x 32.*24 x 24"):
        hr_slices(scan_of(np.ones((24, 20, 3))), SMALL)


def test_a_small_scan_may_be_used_at_its_own_size() -> None:
    config = PairsConfig(hr_size=64, lr_patch=8, small_images="own")
    volume = blob((37, 33, 3), (1.0, 1.0, 5.0), (18.0, 16.0))
    assert hr_slices(scan_of(volume), config).images.shape[1:] == (36, 36)


def test_interpolated_pixels_do_not_count_as_resolution() -> None:
    volume = blob((64, 64, 3), (1.0, 1.0, 5.0), (30.0, 30.0))
    with pytest.raises(ScanError, match="24 x 24"):
        hr_slices(scan_of(volume, acquired_matrix=(24, 24)), SMALL)


def test_an_empty_scan_is_refused() -> None:
    with pytest.raises(ScanError, match="signal"):
        hr_slices(scan_of(np.zeros((40, 40, 3))), SMALL)


@pytest.mark.parametrize("config", [SMALL, PairsConfig(hr_size=64, lr_patch=8)], ids=["cut", "own size"])
def test_a_signed_scan_is_refused_and_a_small_overshoot_is_not(config: PairsConfig) -> None:
    volume = blob((64, 64, 3), (1.0, 1.0, 5.0), (30.0, 30.0))
    z_scored = (volume - volume.mean()) / volume.std()
    with pytest.raises(
        ScanError, match=r"^Expected magnitudes\. Received: z\.nii, with values down to -0\.5"
    ):
        hr_slices(scan_of(z_scored, source=Path("z.nii")), config)
    with pytest.raises(ScanError, match="Expected magnitudes"):
        simulate_scan(scan_of(z_scored), 0.03, config)
    assert len(hr_slices(scan_of(volume - 0.03), config).images) == 3


def test_a_brain_without_its_skull_may_have_been_turned_by_splines() -> None:
    axis = np.arange(-20, 20)
    brain = np.where(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2 < 15**2, 1.0, 0.0)
    turned = rotate(brain, 7.0, reshape=False, order=3)
    assert turned.min() < -0.1
    assert len(hr_slices(scan_of(turned, (4.0, 4.0, 4.0)), SMALL).images) > 3


def test_every_real_training_scan_gives_slices_at_the_papers_size(shared_data) -> None:
    from lfsr_tf.scans import read_scan

    for name in (
        "cstar_T1_brain.nii.gz",
        "adi_T2W.nii.gz",
    ):  # smaller than 128 on one axis; oblong field of view
        slices = hr_slices(read_scan(shared_data / "train" / name), PairsConfig())
        assert slices.images.shape[1:] == (128, 128)
        assert len(slices.images) > 10
        assert 0.9 < slices.images.max() < 3.0
