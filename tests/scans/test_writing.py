"""The output's name decides the format, and failure leaves nothing behind."""

import numpy as np
import pytest

from lfsr_tf.errors import OutputError
from lfsr_tf.scans import Scan, read_scan, write_scan


@pytest.fixture
def scan(image, oblique_affine):
    return Scan(image(40, 44, 6), oblique_affine, subject="sub-01", contrast="T2w")


@pytest.mark.parametrize("name", ["out.nii", "out.nii.gz", "deeper/out.nii.gz"])
def test_any_scan_is_written_as_nifti(tmp_path, scan, name):
    write_scan(scan, tmp_path / name)
    again = read_scan(tmp_path / name)
    np.testing.assert_array_equal(again.voxels, scan.voxels)
    np.testing.assert_allclose(again.affine, scan.affine, atol=1e-5)


def test_a_scan_that_was_no_dicom_is_not_written_as_dicom(tmp_path, scan):
    with pytest.raises(OutputError, match=r"Expected a name ending in .nii or .nii.gz .* for a nifti scan"):
        write_scan(scan, tmp_path / "series")


def test_a_parent_that_is_a_file_is_refused(tmp_path, scan):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="Cannot write"):
        write_scan(scan, tmp_path / "file" / "out.nii.gz")


@pytest.mark.parametrize("name", ["out.nii", "out.nii.gz"])
def test_a_full_disk_leaves_the_old_file_and_no_partial_one(tmp_path, scan, name, full_disk):
    write_scan(scan, tmp_path / name)
    before = (tmp_path / name).read_bytes()
    with full_disk(1000), pytest.raises(OutputError, match="Cannot write"):
        write_scan(scan.with_slices(scan.slices() + 1), tmp_path / name)
    assert (tmp_path / name).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [name]
