"""Files in fastMRI's and M4Raw's layout, built with the shapes that the originals have."""

import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.scans.geometry import voxel_to_world
from lfsr_tf.scans.kspace.fastmri import read_fastmri


def _kspace(images):
    shifted = np.fft.fft2(np.fft.ifftshift(images, axes=(-2, -1)), norm="ortho")
    return np.fft.fftshift(shifted, axes=(-2, -1)).astype(np.complex64)


def _coil_images(image, *shape):
    """Coil images [slices, coils, H, W] of different sensitivity and phase."""
    slices, coils = shape[:2]
    gains = np.exp(1j * np.arange(coils)) * np.linspace(0.5, 1, coils)
    return image(slices, *shape[2:])[:, np.newaxis] * gains[:, np.newaxis, np.newaxis]


def test_multi_coil_brain_equals_its_stored_reconstruction(hdf5_file, header_xml, image):
    images = _coil_images(image, 3, 4, 64, 40)
    stored = np.linalg.norm(images[..., 16:48, :], axis=1).astype(np.float32)
    path = hdf5_file(
        attrs={"acquisition": "AXT1POST", "patient_id": "9f3a"},
        kspace=_kspace(images),
        reconstruction_rss=stored,
        ismrmrd_header=header_xml(channels=4),
    )
    (scan,) = read_fastmri(path)
    np.testing.assert_allclose(scan.slices(), stored, rtol=1e-4, atol=1e-3)
    assert scan.voxels.shape == (32, 40, 3)
    assert scan.voxel_sizes == pytest.approx((220 / 32, 220 / 40, 5))
    assert (scan.subject, scan.contrast, scan.coils, scan.format) == ("9f3a", "T1w", 4, "fastmri")
    assert scan.kspace.shape == (3, 4, 32, 40)
    assert scan.kspace.dtype == np.complex64
    assert scan.acquired_matrix == (32, 40)


def test_single_coil_kspace_has_one_coil(hdf5_file, header_xml, image):
    images = _coil_images(image, 3, 1, 64, 40)[:, 0]
    (scan,) = read_fastmri(hdf5_file(kspace=_kspace(images), ismrmrd_header=header_xml()))
    np.testing.assert_allclose(scan.slices(), np.abs(images[:, 16:48]), rtol=1e-4, atol=1e-3)
    assert scan.coils == 1
    assert scan.kspace.shape == (3, 1, 32, 40)


@pytest.mark.parametrize(("name", "coils"), [("reconstruction_rss", 16), ("reconstruction_esc", 1)])
def test_a_stored_reconstruction_is_read_when_there_is_no_kspace(hdf5_file, header_xml, image, name, coils):
    stored = image(3, 32, 40)
    datasets = {name: stored, "ismrmrd_header": header_xml(channels=16)}
    (scan,) = read_fastmri(hdf5_file(attrs={"acquisition": "CORPD_FBK"}, **datasets))
    np.testing.assert_array_equal(scan.slices(), stored)
    assert (scan.coils, scan.kspace, scan.contrast) == (coils, None, "PD")
    assert scan.acquired_matrix == (32, 40)


def test_an_m4raw_file_gives_contrast_by_its_name_and_the_matrix_that_was_zero_filled(
    hdf5_file, header_xml, image
):
    kspace = _kspace(_coil_images(image, 2, 4, 256, 256))
    kspace[..., : 128 - 97] = 0
    kspace[..., 128 + 98 :] = 0
    square = {"encoded": (256, 256, 1), "encoded_mm": (240, 240, 5), "recon": (256, 256, 1)}
    path = hdf5_file(
        "2022061003_T101.h5",
        kspace=kspace,
        ismrmrd_header=header_xml(**square, recon_mm=(240, 240, 5)),
    )
    (scan,) = read_fastmri(path)
    assert (scan.subject, scan.contrast, scan.coils) == ("2022061003", "T1w", 4)
    assert scan.acquired_matrix == (256, 195)
    assert scan.voxel_sizes == pytest.approx((0.9375, 0.9375, 5))


def test_odd_sizes_are_cut_as_fastmri_cuts_them(hdf5_file, header_xml, image):
    images = _coil_images(image, 2, 2, 64, 41)
    spaces = {
        "encoded": (64, 41, 1),
        "encoded_mm": (640, 410, 5),
        "recon": (31, 41, 1),
        "recon_mm": (310, 410, 5),
    }
    (scan,) = read_fastmri(hdf5_file(kspace=_kspace(images), ismrmrd_header=header_xml(**spaces)))
    expected = np.linalg.norm(images[..., 16:47, :], axis=1)
    np.testing.assert_allclose(scan.slices(), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("encoded", "recon"), [(64, 32), (63, 31), (64, 31)])
def test_the_centre_of_the_encoded_field_of_view_lies_at_zero(hdf5_file, header_xml, encoded, recon):
    images = np.full((3, 1, encoded, 40), 0.1)
    images[1, 0, encoded // 2, 20] = 10
    spaces = {"encoded": (encoded, 40, 1), "encoded_mm": (10 * encoded, 400, 5)}
    spaces |= {"recon": (recon, 40, 1), "recon_mm": (10 * recon, 400, 5)}
    (scan,) = read_fastmri(hdf5_file(kspace=_kspace(images), ismrmrd_header=header_xml(**spaces)))
    brightest = np.unravel_index(np.argmax(scan.voxels), scan.voxels.shape)
    np.testing.assert_allclose(voxel_to_world(scan.affine, brightest), 0, atol=1e-9)
    assert nib.aff2axcodes(scan.affine) == ("P", "L", "S")


def test_a_file_without_header_is_read_with_a_note(hdf5_file, image):
    (scan,) = read_fastmri(hdf5_file(kspace=_kspace(_coil_images(image, 2, 2, 32, 40))))
    assert scan.voxel_sizes == (1.0, 1.0, 1.0)
    assert scan.notes[0] == (
        "The file has no ISMRMRD header: voxels of 1 mm are assumed and no oversampling is removed."
    )


def test_attributes_stored_as_bytes_are_read_as_text(hdf5_file, header_xml, image):
    attributes = {"acquisition": np.bytes_(b"AXFLAIR"), "patient_id": np.bytes_(b"p7")}
    (scan,) = read_fastmri(
        hdf5_file(attrs=attributes, kspace=_kspace(image(2, 64, 40)), ismrmrd_header=header_xml())
    )
    assert (scan.subject, scan.contrast) == ("p7", "FLAIR")


def test_a_mask_that_is_partial_fourier_is_no_acceleration(hdf5_file, header_xml, image):
    mask = np.ones(40, np.uint8)
    mask[:6] = 0
    (scan,) = read_fastmri(
        hdf5_file(kspace=_kspace(image(2, 64, 40)), ismrmrd_header=header_xml(), mask=mask)
    )
    assert scan.voxels.shape == (32, 40, 2)
