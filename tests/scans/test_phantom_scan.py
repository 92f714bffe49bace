"""The phantom as a scan on disk."""

import numpy as np
import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.scans import phantom_scan, read_scan, voxel_to_world, write_scan


def test_a_phantom_survives_the_disk_with_its_name_and_contrast(tmp_path):
    scan = phantom_scan(3, "FLAIR", matrix=64, slices=2)
    write_scan(scan, tmp_path / "sub-phantom003_FLAIR.nii.gz")
    again = read_scan(tmp_path / "sub-phantom003_FLAIR.nii.gz")
    np.testing.assert_array_equal(again.voxels, scan.voxels)
    np.testing.assert_allclose(again.affine, scan.affine, atol=1e-5)
    assert (again.subject, again.contrast, again.plane) == (scan.subject, scan.contrast, "axial")


def test_its_voxels_are_those_of_a_clinical_scan_around_the_middle():
    scan = phantom_scan(3, "T1w", matrix=64, slices=3)
    assert scan.voxel_sizes == pytest.approx((1.25, 1.25, 5.5))
    np.testing.assert_allclose(voxel_to_world(scan.affine, (32, 32, 1)), 0, atol=1e-9)


def test_fewer_slices_show_the_middle_of_the_same_head():
    few, many = phantom_scan(5, "T2w", matrix=64, slices=2), phantom_scan(5, "T2w", matrix=64, slices=6)
    # Fine texture belongs to the grid; the anatomy does not.
    assert np.corrcoef(few.voxels.ravel(), many.voxels[..., 2:4].ravel())[0, 1] > 0.9


def test_an_unknown_contrast_is_refused():
    with pytest.raises(ConfigError):
        phantom_scan(1, "DWI")
