"""The real scans: every file is read, written and found again in the same place."""

import h5py
import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.scans import find_scans, read_scan, voxel_to_world, write_scan
from lfsr_tf.scans.naming import contrast_from_text, subject_from_path
from lfsr_tf.scans.numpy_files import read_numpy
from lfsr_tf.storage import read_json

KSPACE = [
    f"hku{patient}_LF055T_{contrast}" for patient in ("F6A", "F7A") for contrast in ("T1", "T2", "FLAIR")
]


def _landmarks(scan):
    """The eight corners and the middle, as voxel indices."""
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(scan.voxels.shape) - 1)
    return np.vstack([corners, np.array(scan.voxels.shape) // 2])


def test_every_low_field_file_keeps_its_landmarks_when_its_matrix_is_doubled(shared_data, tmp_path):
    paths = find_scans(shared_data / "lowfield_dev")
    assert len(paths) == 19
    for path in paths:
        scan = read_scan(path)
        twice = np.repeat(np.repeat(scan.slices(), 2, axis=1), 2, axis=2)
        write_scan(scan.with_slices(twice), tmp_path / "twice.nii.gz")
        viewer = nib.load(tmp_path / "twice.nii.gz")
        landmarks = _landmarks(scan)
        factor = [2, 2, 2]
        factor[scan.slice_axis] = 1
        np.testing.assert_allclose(
            voxel_to_world(viewer.affine, landmarks * factor),
            voxel_to_world(scan.affine, landmarks),
            atol=1e-3,
            err_msg=path.name,
        )
        values = np.asarray(viewer.dataobj)[tuple((landmarks * factor).T)]
        np.testing.assert_array_equal(values, scan.voxels[tuple(landmarks.T)], err_msg=path.name)


def test_nifti_headers_come_back_as_they_were(shared_data, tmp_path):
    for path in ("val/fpg_FLAIR.nii.gz", "val/msX26_T1_MNI_brain.nii.gz", "train/seg3d_T1W.nii.gz"):
        write_scan(read_scan(shared_data / path), tmp_path / "again.nii.gz")
        old, new = nib.load(shared_data / path).header, nib.load(tmp_path / "again.nii.gz").header
        for key in ("qform_code", "sform_code", "xyzt_units", "descrip", "dim", "srow_x", "srow_y", "srow_z"):
            np.testing.assert_array_equal(new[key], old[key], err_msg=f"{path}: {key}")
        np.testing.assert_allclose(new["pixdim"][:4], old["pixdim"][:4], rtol=1e-6)


def test_subjects_and_contrasts_are_those_of_the_manifest(shared_data):
    names = {"T1": "T1w", "T2": "T2w", "FLA": "FLAIR"}
    entries = [
        entry for entry in read_json(shared_data / "MANIFEST.json") if entry["path"].endswith(".nii.gz")
    ]
    assert len(entries) == 52
    pairs = set()
    for entry in entries:
        path = shared_data / entry["path"]
        pairs.add((entry["subject"], subject_from_path(path)))
        contrast = entry["contrast"]
        expected = next(name for start, name in names.items() if contrast.startswith(start))
        assert contrast_from_text(path.name.split(".")[0]) == expected, path.name
    # One name a person and one person a name: a split by our names is a split by people.
    assert len(pairs) == len({known for known, _ in pairs}) == len({found for _, found in pairs})


@pytest.mark.parametrize(
    "name",
    [
        *(f"lowfield_dev/{name}_kspace_fastmri_layout.h5" for name in KSPACE),
        "readers/brain8ch_fastmri_layout.h5",
    ],
)
def test_the_reconstruction_equals_the_stored_one(shared_data, name):
    scan = read_scan(shared_data / name)
    with h5py.File(shared_data / name) as file:
        stored = file["reconstruction_rss"][()]
        assert scan.kspace.shape == file["kspace"].shape
        assert scan.subject == file.attrs["patient_id"]
    np.testing.assert_allclose(scan.slices(), stored, atol=1e-6 * stored.max())
    assert scan.acquired_matrix == stored.shape[1:]


def test_eight_coils_in_a_plain_array_are_one_slice(shared_data):
    (scan,) = read_numpy(shared_data / "readers" / "brain8ch_cartesian_ksp.npy")
    with h5py.File(shared_data / "readers" / "brain8ch_fastmri_layout.h5") as file:
        stored = file["reconstruction_rss"][()]
    assert scan.voxels.shape == (230, 180, 1)
    assert scan.coils == 8
    # The HDF5 file holds the same k-space.
    np.testing.assert_allclose(scan.slices(), stored, atol=1e-6)


@pytest.mark.parametrize("name", KSPACE)
def test_the_authors_image_is_the_zero_filled_kspace_turned_by_180_degrees(shared_data, name):
    """Links the two forms in which the 0.055 T scans are shared, as data/README.md says."""
    folder = shared_data / "lowfield_dev"
    image = read_scan(folder / f"{name}.nii.gz")
    kspace = read_scan(folder / f"{name}_kspace_fastmri_layout.h5").kspace[:, 0]
    height, width = kspace.shape[1:]
    top, left = 128 - height // 2, 128 - width // 2
    padded = np.pad(kspace, ((0, 0), (top, 256 - top - height), (left, 256 - left - width)))
    # The forward transform is the inverse one turned by 180 degrees about the centre.
    turned = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(padded, axes=(1, 2)), norm="ortho"), axes=(1, 2))
    # NIfTI counts columns to the right first and rows upwards second.
    expected = np.abs(turned)[:, ::-1].transpose(2, 1, 0)
    error = np.linalg.norm(image.voxels - expected) / np.linalg.norm(expected)
    assert error < 0.012
