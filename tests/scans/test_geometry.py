"""Laws of affines: what moves, what stays, which axis is which plane."""

import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.scans.geometry import (
    axial_affine,
    axis_of_plane,
    default_slice_axis,
    padded_affine,
    plane_of_axis,
    resized_affine,
    voxel_to_world,
)

PLANES = ("sagittal", "coronal", "axial")


def test_padding_keeps_every_old_voxel_in_its_place(oblique_affine):
    before = (3, 0, 5)
    voxels = np.random.default_rng(0).integers(0, 20, (50, 3))
    padded = padded_affine(oblique_affine, before)
    np.testing.assert_allclose(
        voxel_to_world(padded, voxels + before), voxel_to_world(oblique_affine, voxels), atol=1e-9
    )


def test_cropping_is_padding_by_a_negative_number(oblique_affine):
    there_and_back = padded_affine(padded_affine(oblique_affine, (4, 7, 0)), (-4, -7, 0))
    np.testing.assert_allclose(there_and_back, oblique_affine, atol=1e-12)


@pytest.mark.parametrize(("old", "new"), [((61, 64, 4), (122, 128, 4)), ((126, 63, 4), (63, 126, 4))])
def test_resizing_keeps_sample_0_and_the_field_of_view(oblique_affine, old, new):
    resized = resized_affine(oblique_affine, old, new)
    np.testing.assert_array_equal(resized[:3, 3], oblique_affine[:3, 3])
    # The position of the first sample of the next period bounds the field of view.
    np.testing.assert_allclose(
        voxel_to_world(resized, np.diag(new)), voxel_to_world(oblique_affine, np.diag(old)), atol=1e-9
    )


def test_resizing_leaves_its_argument_alone(oblique_affine):
    kept = oblique_affine.copy()
    resized_affine(oblique_affine, (8, 8, 8), (16, 16, 8))
    padded_affine(oblique_affine, (1, 2, 3))
    np.testing.assert_array_equal(oblique_affine, kept)


def test_an_assumed_axial_stack_is_seen_as_a_radiologist_sees_it():
    affine = axial_affine((2.0, 1.5, 5.0), (10, 20, 3.5))
    assert nib.aff2axcodes(affine) == ("P", "L", "S")
    np.testing.assert_allclose(voxel_to_world(affine, (10, 20, 3.5)), 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(affine[:3, :3], axis=0), (2.0, 1.5, 5.0))


@pytest.mark.parametrize("codes", ["RAS", "LPS", "ASR", "SLA", "PIR", "IRP"])
def test_planes_and_axes_invert_each_other_in_any_orientation(codes):
    orientation = nib.orientations.axcodes2ornt(codes)
    affine = np.eye(4)
    affine[:3, :3] = 0
    for voxel_axis, (patient_axis, sign) in enumerate(orientation):
        affine[int(patient_axis), voxel_axis] = sign * (1 + voxel_axis)
    for voxel_axis in range(3):
        plane = plane_of_axis(affine, voxel_axis)
        assert plane == PLANES[int(orientation[voxel_axis][0])]
        assert axis_of_plane(affine, plane) == voxel_axis


def test_a_volume_turned_by_45_degrees_still_has_three_planes():
    affine = nib.affines.from_matvec(nib.eulerangles.euler2mat(np.pi / 4, 0.0, 0.0), [0, 0, 0])
    assert {plane_of_axis(affine, axis) for axis in range(3)} == set(PLANES)


def test_an_unknown_plane_is_refused():
    with pytest.raises(
        ConfigError, match=r"Expected a plane of sagittal, coronal, axial. Received: 'oblique'"
    ):
        axis_of_plane(np.eye(4), "oblique")


@pytest.mark.parametrize(
    ("shape", "sizes", "axis"),
    [
        ((256, 256, 20), (0.9, 0.9, 5.0), 2),
        ((20, 256, 256), (5.0, 0.9, 0.9), 0),
        ((256, 20, 256), (1.0, 3.0, 1.0), 1),
        ((176, 192, 104), (1.0, 1.146, 1.146), 2),
        ((274, 384, 187), (0.7, 0.667, 0.667), 2),
        ((160, 232, 160), (1.0, 0.9, 0.9), 2),
        ((64, 1, 64), (1.0, 1.0, 1.0), 1),
    ],
)
def test_slices_are_stacked_along_thick_or_single_voxels_and_else_axially(shape, sizes, axis):
    assert default_slice_axis(shape, np.diag([*sizes, 1.0])) == axis


def test_the_axial_axis_of_an_isotropic_volume_is_found_by_its_orientation():
    sagittal_storage = np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    assert default_slice_axis((200, 200, 160), sagittal_storage) == 1
