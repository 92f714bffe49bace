"""Slices of a scan in any plane, and what a new matrix does to its geometry."""

from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.errors import ConfigError, ScanError
from lfsr_tf.scans.geometry import voxel_to_world
from lfsr_tf.scans.scan import Scan


@pytest.fixture
def scan(oblique_affine, image):
    return Scan(
        voxels=image(30, 33, 8),
        affine=oblique_affine,
        subject="sub-01",
        contrast="FLAIR",
        source=Path("scan.nii.gz"),
        acquired_matrix=(20, 22),
        kspace=np.ones((8, 1, 30, 33), np.complex64),
        notes=("a note",),
    )


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_slices_put_back_give_the_same_scan(scan, slice_axis):
    cut = scan.cut_along(slice_axis)
    again = cut.with_slices(cut.slices())
    np.testing.assert_array_equal(again.voxels, scan.voxels)
    np.testing.assert_array_equal(again.affine, scan.affine)


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_slices_come_first_and_keep_the_order_of_the_other_axes(scan, slice_axis):
    slices = scan.cut_along(slice_axis).slices()
    assert slices.shape == tuple(
        np.roll((30, 33, 8), 0)[[slice_axis, *(a for a in range(3) if a != slice_axis)]]
    )
    np.testing.assert_array_equal(slices[5], np.take(scan.voxels, 5, axis=slice_axis))


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_twice_the_matrix_halves_in_plane_voxels_and_keeps_every_old_sample_in_place(scan, slice_axis):
    cut = scan.cut_along(slice_axis)
    twice = cut.with_slices(np.repeat(np.repeat(cut.slices(), 2, axis=1), 2, axis=2))
    assert twice.in_plane_spacing == pytest.approx([size / 2 for size in cut.in_plane_spacing])
    assert twice.voxel_sizes[slice_axis] == pytest.approx(cut.voxel_sizes[slice_axis])
    factor = np.array([2, 2, 2])
    factor[slice_axis] = 1
    landmarks = np.random.default_rng(1).integers(0, 8, (20, 3))
    np.testing.assert_allclose(
        voxel_to_world(twice.affine, landmarks * factor), voxel_to_world(cut.affine, landmarks), atol=1e-9
    )


def test_a_cut_to_the_acquired_matrix_enlarges_voxels_about_sample_0(scan):
    smaller = scan.with_slices(np.zeros((8, 20, 22), np.float32))
    assert smaller.in_plane_spacing == pytest.approx(
        (scan.in_plane_spacing[0] * 30 / 20, scan.in_plane_spacing[1] * 33 / 22)
    )
    np.testing.assert_array_equal(smaller.affine[:3, 3], scan.affine[:3, 3])


def test_a_new_matrix_keeps_who_and_what_and_drops_what_described_the_old_one(scan):
    new = scan.with_slices(np.zeros((8, 60, 66), np.float64))
    assert (new.subject, new.contrast, new.source, new.notes) == ("sub-01", "FLAIR", scan.source, ("a note",))
    assert new.kspace is None
    assert new.acquired_matrix is None
    assert new.voxels.dtype == np.float32


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_padding_moves_the_origin_so_that_old_voxels_stay(scan, slice_axis):
    cut = scan.cut_along(slice_axis)
    padded = cut.padded(before=(2, 3), after=(4, 0))
    assert padded.slices().shape[1:] == (cut.slices().shape[1] + 6, cut.slices().shape[2] + 3)
    shift = np.insert([2, 3], slice_axis, 0)
    inside = tuple(slice(start, start + size) for start, size in zip(shift, scan.voxels.shape, strict=True))
    np.testing.assert_array_equal(padded.voxels[inside], scan.voxels)
    np.testing.assert_allclose(
        voxel_to_world(padded.affine, shift), voxel_to_world(scan.affine, (0, 0, 0)), atol=1e-9
    )


def test_another_plane_drops_what_holds_for_the_acquired_plane_only(scan):
    assert scan.plane == "axial"
    coronal = scan.cut_along("coronal")
    assert coronal.plane == "coronal"
    assert coronal.kspace is None
    assert coronal.acquired_matrix is None
    assert scan.cut_along("axial") is scan


@pytest.mark.parametrize("unit", [1.0, 1e38])
def test_a_little_below_0_is_no_sign(scan, unit):
    magnitude = scan.slices() - scan.voxels.min()
    for values, signed in [
        (magnitude, False),
        (magnitude - 1e-7 * magnitude.max(), False),  # a stored 0 that an intercept takes below 0
        ((magnitude - magnitude.mean()) / magnitude.std(), True),
        (-magnitude, True),
        (np.zeros_like(magnitude), False),
    ]:
        scaled = values / max(np.abs(values).max(), 1.0) * unit
        assert scan.with_slices(scaled).signed is signed


def test_a_wrong_number_of_slices_is_refused(scan):
    with pytest.raises(
        ScanError, match=r"Expected 8 slices \[8, H, W\]. Received: an array of shape \(7, 30, 33\)"
    ):
        scan.with_slices(np.zeros((7, 30, 33), np.float32))


def test_a_fourth_axis_is_refused(scan):
    with pytest.raises(ConfigError, match=r"Expected a slice axis of 0, 1 or 2. Received: 3"):
        scan.cut_along(3)
