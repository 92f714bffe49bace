"""HDF5 files whose k-space or header is not what it claims: refused in one line, or read with a note."""

import h5py
import numpy as np
import pytest

from lfsr_tf.scans import read_scan
from tests.scans.refusals import refused


@pytest.fixture
def brain(image):
    """K-space [slices, coils, H, W] of smooth coil images of different sensitivity and phase."""

    def make(slices=3, coils=4, height=64, width=40):
        gains = np.exp(1j * np.arange(coils)) * np.linspace(0.5, 1, coils)
        images = image(slices, height, width)[:, np.newaxis] * gains[:, np.newaxis, np.newaxis]
        shifted = np.fft.fft2(np.fft.ifftshift(images, axes=(2, 3)), norm="ortho")
        return np.fft.fftshift(shifted, axes=(2, 3)).astype(np.complex64)

    return make


def test_kspace_without_signal(hdf5_file):
    refused(hdf5_file(kspace=np.zeros((2, 3, 32, 40), np.complex64)), "every voxel is 0")


def test_hdf5_without_kspace_or_reconstruction(hdf5_file):
    refused(hdf5_file(other=np.zeros(3), mask=np.ones(4)), "which holds mask, other")
    refused(hdf5_file(), "which holds nothing")


def test_kspace_that_is_not_a_complex_array(hdf5_file):
    refused(hdf5_file(kspace=np.ones((2, 64, 40), np.float32)), "Expected complex kspace", "float32")
    path = hdf5_file("group.h5")
    with h5py.File(path, "w") as file:
        file.create_group("kspace")
    refused(path, "Expected an array kspace", "a group")


@pytest.mark.parametrize("shape", [(64,), (64, 40), (1, 2, 2, 64, 40)])
def test_kspace_of_another_number_of_axes(hdf5_file, shape):
    refused(hdf5_file(kspace=np.ones(shape, np.complex64)), f"{len(shape)} axes")


def test_kspace_with_nan(hdf5_file, tmp_path):
    kspace = np.ones((2, 64, 40), np.complex64)
    kspace[0, 0, 0] = 1j * np.nan
    refused(hdf5_file(kspace=kspace), "1 of 5120 NaN or infinite")
    np.save(tmp_path / "a.npy", kspace)
    refused(tmp_path / "a.npy", "1 of 5120 NaN or infinite")


def test_undersampled_kspace(hdf5_file):
    mask = np.zeros(40, bool)
    mask[::4] = mask[16:24] = True
    refused(hdf5_file(kspace=np.ones((2, 64, 40), np.complex64), mask=mask), "keeps 16 of 40 lines")


@pytest.mark.parametrize("header", [b"<ismrmrdHeader>", b"garbage"])
def test_a_garbled_header(hdf5_file, image, header):
    refused(hdf5_file(reconstruction_rss=image(3, 32, 40), ismrmrd_header=header), "ISMRMRD header in XML")


@pytest.mark.parametrize("order", [(0, 2, 3, 1), (1, 2, 3, 0)])
@pytest.mark.parametrize("with_header", [True, False])
def test_coils_at_the_end_or_slices_at_the_end(hdf5_file, header_xml, brain, order, with_header):
    kspace = np.transpose(brain(slices=5, coils=20), order)
    header = {"ismrmrd_header": header_xml(channels=20)} if with_header else {}
    refused(hdf5_file(kspace=kspace, **header), str(list(kspace.shape)), "coils")


@pytest.mark.parametrize("order", [(2, 0, 3, 1), (3, 1, 2, 0), (2, 3, 0, 1)])
def test_other_orders_of_the_axes(hdf5_file, brain, order):
    refused(hdf5_file(kspace=np.transpose(brain(slices=20, coils=18), order)))


def test_coils_before_slices(hdf5_file, header_xml, brain):
    path = hdf5_file(kspace=np.moveaxis(brain(slices=6), 1, 0), ismrmrd_header=header_xml(channels=4))
    refused(
        path, "Expected 4 coils along axis 1", "[4, 6, 64, 40]", "[slices, coils, readout, phase encoding]"
    )


@pytest.mark.parametrize("shape", [(36, 64), (64, 64), (20, 12), (10, 40)])
def test_a_matrix_that_the_header_does_not_know(hdf5_file, header_xml, brain, shape):
    path = hdf5_file(kspace=brain(height=shape[0], width=shape[1]), ismrmrd_header=header_xml(channels=4))
    refused(path, "64 x 40 samples, or 32 x 40 without oversampling", "correct the header")


def test_a_stored_image_of_another_matrix_than_the_header_says(hdf5_file, header_xml, image):
    path = hdf5_file(reconstruction_rss=image(3, 30, 40), ismrmrd_header=header_xml())
    refused(path, "images of 32 x 40 pixels", "30 x 40")


def test_fewer_coils_than_channels_are_read_with_a_note(hdf5_file, header_xml, brain):
    scan = read_scan(hdf5_file(kspace=brain(coils=4), ismrmrd_header=header_xml(channels=16)))
    assert "The header names 16 receiver channels; the file holds 4 coils." in scan.notes


def test_real_and_imaginary_parts_stored_apart(hdf5_file, brain):
    kspace = brain()
    refused(
        hdf5_file(kspace=np.stack([kspace.real, kspace.imag], axis=-1)),
        "kspace[..., 0] + 1j * kspace[..., 1]",
    )
    parts = np.zeros(kspace.shape, [("real", "f4"), ("imag", "f4")])
    refused(hdf5_file(kspace=parts), "fields real, imag", "one complex64 array")


def test_slices_that_are_still_fourier_encoded(hdf5_file, header_xml, brain):
    volume = np.fft.fftshift(np.fft.fft(brain(slices=16), axis=0, norm="ortho"), axes=0).astype(np.complex64)
    refused(hdf5_file(kspace=volume, ismrmrd_header=header_xml(channels=4)), "3-D encoding")


@pytest.mark.parametrize("header", [5, np.frombuffer(b"<a/>", np.uint8), np.array([b"<a/>", b"<a/>"])])
def test_a_header_that_is_no_single_text(hdf5_file, brain, header):
    refused(hdf5_file(kspace=brain(), ismrmrd_header=header), "ismrmrd_header as one text")


def test_without_header_the_stored_images_give_the_field_of_view(hdf5_file, brain, image):
    stored = image(3, 32, 40)
    scan = read_scan(hdf5_file(kspace=brain(), reconstruction_rss=stored))
    assert scan.voxels.shape == (32, 40, 3)
    assert scan.notes[0].endswith("the field of view of its stored images.")
    assert read_scan(hdf5_file(kspace=brain(), ismrmrd_header=b"")).voxels.shape == (64, 40, 3)


def test_data_in_another_file_are_not_followed(tmp_path, hdf5_file, brain):
    hdf5_file("other.h5", kspace=brain())
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["kspace"] = h5py.ExternalLink("other.h5", "/kspace")
    refused(tmp_path / "a.h5", "in the file itself")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset("kspace", (4, 64, 40), np.complex64, external=[("raw", 0, h5py.h5f.UNLIMITED)])
    refused(tmp_path / "b.h5", "in the file itself")


def test_partial_fourier_without_its_zeros(hdf5_file, header_xml, brain):
    path = hdf5_file(
        kspace=brain()[..., 10:],
        ismrmrd_header=header_xml(encoded=(64, 40, 1), lines=(0, 29, 10), channels=4),
    )
    refused(path, "30 of 40 lines", "whose centre is line 10")


def test_padding_is_judged_along_the_phase_encoding_wherever_that_stands(hdf5_file, header_xml, brain):
    turned = np.swapaxes(brain(height=64, width=80), -1, -2)
    zero_filled = {"encoded": (64, 80, 1), "recon": (64, 80, 1), "lines": (0, 63, 20), "channels": 4}
    assert read_scan(hdf5_file(kspace=turned, ismrmrd_header=header_xml(**zero_filled))).kspace is not None
    cut = {"encoded": (64, 40, 1), "recon": (32, 30, 1), "lines": (0, 29, 10), "channels": 4}
    path = hdf5_file(kspace=brain(height=30, width=32), ismrmrd_header=header_xml(**cut))
    refused(path, "30 of 40 lines", "whose centre is line 10")


def test_an_ismrmrd_raw_file_is_told_from_fastmris_layout(hdf5_file):
    refused(hdf5_file(**{"dataset/data": np.zeros(3)}), "which holds dataset", "Reconstruct it")
