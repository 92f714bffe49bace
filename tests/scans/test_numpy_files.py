"""Arrays without a header: which axes mean what."""

import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.scans.numpy_files import read_numpy


def _kspace(images):
    shifted = np.fft.fft2(np.fft.ifftshift(images, axes=(-2, -1)), norm="ortho")
    return np.fft.fftshift(shifted, axes=(-2, -1)).astype(np.complex64)


@pytest.fixture
def npy(tmp_path):
    def make(array, name="p3_T1w.npy"):
        np.save(tmp_path / name, array)
        return tmp_path / name

    return make


def test_real_arrays_are_slices_volumes_and_series(npy, image):
    (one,) = read_numpy(npy(image(20, 24)))
    assert one.voxels.shape == (20, 24, 1)
    (volume,) = read_numpy(npy(image(5, 20, 24)))
    np.testing.assert_array_equal(volume.slices(), image(5, 20, 24))
    series = np.stack([image(5, 20, 24), image(5, 20, 24) + 1])
    first, second = read_numpy(npy(series))
    np.testing.assert_allclose(second.voxels - first.voxels, np.ones((20, 24, 5)), rtol=1e-4)


def test_the_three_complex_layouts_of_one_image_agree(npy, image):
    picture = image(20, 25)
    (plain,) = read_numpy(npy(_kspace(picture)))
    halves = np.stack([picture * 0.6, picture * 0.8j])
    (coils,) = read_numpy(npy(_kspace(halves)))
    (volume,) = read_numpy(npy(_kspace(np.stack([halves, 2 * halves]))))
    for scan in (plain, coils):
        np.testing.assert_allclose(scan.voxels[..., 0], picture, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(volume.voxels[..., 1], 2 * picture, rtol=1e-4, atol=2e-3)
    assert [scan.kspace.shape for scan in (plain, coils, volume)] == [
        (1, 1, 20, 25),
        (1, 2, 20, 25),
        (2, 2, 20, 25),
    ]
    assert [scan.coils for scan in (plain, coils, volume)] == [1, 2, 2]


def test_zero_filled_kspace_gives_the_acquired_matrix(npy, image):
    kspace = _kspace(image(32, 32))
    kspace[:8] = kspace[24:] = 0
    (scan,) = read_numpy(npy(kspace))
    assert scan.acquired_matrix == (16, 32)


def test_a_plain_array_has_voxels_of_one_millimetre_around_the_centre_and_says_so(npy, image):
    (scan,) = read_numpy(npy(image(3, 20, 24)))
    assert scan.voxel_sizes == (1.0, 1.0, 1.0)
    assert nib.aff2axcodes(scan.affine) == ("P", "L", "S")
    np.testing.assert_array_equal(scan.affine @ [10, 12, 1, 1], [0, 0, 0, 1])
    assert scan.notes == (
        "The array has no voxel sizes: 1 mm is assumed.",
        "The array has no position: axial slices around the centre of the field of view are assumed.",
    )
    assert (scan.subject, scan.contrast, scan.format) == ("p3", "T1w", "numpy")


def test_npz_names_say_what_npy_cannot(tmp_path, image, oblique_affine):
    path = tmp_path / "scan.npz"
    np.savez_compressed(path, image=image(3, 20, 24), affine=oblique_affine, subject="p9", contrast="FLAIR")
    (scan,) = read_numpy(path)
    np.testing.assert_array_equal(scan.affine, oblique_affine)
    assert (scan.subject, scan.contrast, scan.notes) == ("p9", "FLAIR", ())


def test_npz_voxel_sizes_are_row_column_slice(tmp_path, image):
    path = tmp_path / "scan.npz"
    np.savez(path, kspace=_kspace(image(20, 24)), voxel_sizes=[2.0, 1.5, 5.0])
    (scan,) = read_numpy(path)
    assert scan.voxel_sizes == (2.0, 1.5, 5.0)
    assert len(scan.notes) == 1


def test_a_single_array_of_any_name_is_the_image(tmp_path, image):
    np.savez(tmp_path / "scan.npz", arr_0=image(3, 20, 24))
    (scan,) = read_numpy(tmp_path / "scan.npz")
    assert scan.voxels.shape == (20, 24, 3)


def test_fortran_order_and_half_precision_are_read_as_they_are_meant(npy, image):
    (scan,) = read_numpy(npy(np.asfortranarray(image(3, 20, 24).astype(np.float16))))
    np.testing.assert_allclose(scan.slices(), image(3, 20, 24), rtol=1e-3)
