"""Files that are no scans: each is refused in one line that says what was expected, what came, what to do."""

import io
import zipfile

import h5py
import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.errors import ScanError
from lfsr_tf.scans import read_scan
from lfsr_tf.scans.kspace import hdf5_files
from lfsr_tf.scans.kspace.hdf5_files import open_hdf5, read_attribute, read_text
from tests.scans.refusals import refused

NAMES = ["a.nii", "a.nii.gz", "a.h5", "a.npy", "a.npz", "a.dcm"]


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file(tmp_path, name):
    refused(tmp_path / name, "does not exist")


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_file(tmp_path, name):
    (tmp_path / name).touch()
    refused(tmp_path / name, "empty")


@pytest.mark.parametrize("name", NAMES)
def test_a_text_file_under_the_name_of_a_scan(tmp_path, name):
    for text in ("no scan", "This is not a scan, whatever its name says.\n" * 100):
        (tmp_path / name).write_text(text)
        refused(tmp_path / name)


@pytest.mark.parametrize("name", NAMES[:5])
def test_a_folder_under_the_name_of_a_scan(tmp_path, name):
    (tmp_path / name).mkdir()
    refused(tmp_path / name, "folder")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_truncated_nifti(nifti_file, tmp_path, name, kept):
    noise = np.random.default_rng(0).normal(100, 10, (20, 24, 6)).astype(np.float32)
    whole = nifti_file(noise, name="whole" + name[1:]).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * kept)])
    refused(tmp_path / name, "truncated")


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.99])
def test_a_truncated_hdf5(hdf5_file, tmp_path, kept):
    whole = hdf5_file("whole.h5", kspace=np.ones((2, 64, 40), np.complex64)).read_bytes()
    (tmp_path / "a.h5").write_bytes(whole[: int(len(whole) * kept)])
    refused(tmp_path / "a.h5", "truncated")


def _damaged_heap(path, damage):
    whole = path.read_bytes()
    first = whole.rindex(b"GCOL") + 16
    path.write_bytes(whole[:first] + damage + whole[first + len(damage) :])
    return path


# Free space without a size, and a text whose size leads back to where it begins: HDF5 would walk for ever.
@pytest.mark.parametrize("damage", [bytes(16), b"\1\0\1" + bytes(5) + b"\xf0" + b"\xff" * 7])
def test_texts_in_a_damaged_global_heap(hdf5_file, tmp_path, header_xml, image, damage):
    images = {"reconstruction_rss": image(3, 32, 40)}
    with_header = hdf5_file("header.h5", ismrmrd_header=header_xml().decode(), **images)
    refused(_damaged_heap(with_header, damage), "its global heap is damaged at byte")
    with_patient = hdf5_file("patient.h5", attrs={"patient_id": "p01"}, **images)
    refused(_damaged_heap(with_patient, damage), "its global heap is damaged at byte")
    layout = h5py.VirtualLayout((3, 32, 40), np.float32)
    layout[:] = h5py.VirtualSource("other.h5", "images", (3, 32, 40))
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_virtual_dataset("reconstruction_rss", layout)
        file["kspace"] = np.random.default_rng(0).normal(size=(3, 32, 40)).astype(np.complex64)
    refused(_damaged_heap(tmp_path / "virtual.h5", damage), "its global heap is damaged at byte")


def test_a_global_heap_of_endless_free_space(hdf5_file, image):
    path = hdf5_file(ismrmrd_header="<" * 2**20, reconstruction_rss=image(3, 32, 40))
    refused(_damaged_heap(path, (bytes(8) + b"\x10" + bytes(7)) * (2**16 + 1)), "heap is damaged")


@pytest.mark.parametrize("lengths", [4, 8])
def test_texts_among_many_that_have_come_and_gone(tmp_path, lengths):
    layout = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    layout.set_sizes(8, lengths)
    layout.set_userblock(512)
    with h5py.File(h5py.h5f.create(bytes(tmp_path / "a.h5"), fcpl=layout)) as file:
        for number in range(300):
            file.attrs[f"text{number}"] = "word" * (number % 7)
        for number in range(0, 300, 3):
            del file.attrs[f"text{number}"]
        file["header"], file.attrs["patient_id"] = "<a>" * 10_000, "p01"
    with open_hdf5(tmp_path / "a.h5") as file:
        assert read_text(file, "header", tmp_path / "a.h5") == b"<a>" * 10_000
        assert [read_attribute(file, name) for name in ("patient_id", "text13")] == ["p01", "word" * 6]


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_a_truncated_array(tmp_path, image, name):
    np.save(tmp_path / "whole.npy", image(5, 20, 24))
    np.savez(tmp_path / "whole.npz", image(5, 20, 24))
    whole = (tmp_path / f"whole{name[1:]}").read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / name, "truncated")


def test_complex_nifti(nifti_file, image):
    refused(nifti_file(image(20, 24, 6).astype(np.complex64)), "real magnitude", "complex64")


def test_colour_nifti(nifti_file):
    colour = np.zeros((20, 24, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    refused(nifti_file(colour), "real magnitude", "colour")


@pytest.mark.parametrize("shape", [(400,), (20, 24, 6, 1, 3)])
def test_one_and_five_axes_in_nifti(nifti_file, image, shape):
    refused(nifti_file(image(*shape)), f"{len(shape)} axes", str(list(shape)))


@pytest.mark.parametrize("shape", [(400,), (2, 2, 3, 20, 24)])
@pytest.mark.parametrize("kind", [np.float32, np.complex64])
def test_one_and_five_axes_in_npy(tmp_path, image, shape, kind):
    np.save(tmp_path / "a.npy", image(*shape).astype(kind))
    refused(tmp_path / "a.npy", f"{len(shape)} axes")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_not_finite(nifti_file, hdf5_file, tmp_path, image, value):
    voxels = image(20, 24, 6)
    voxels[3, 4, 5] = value
    refused(nifti_file(voxels), "1 of 2880 NaN or infinite")
    refused(hdf5_file(reconstruction_rss=np.moveaxis(voxels, 2, 0)), "1 of 2880 NaN or infinite")
    np.save(tmp_path / "a.npy", voxels.T)
    refused(tmp_path / "a.npy", "1 of 2880 NaN or infinite")


def test_voxels_beyond_float32(nifti_file):
    voxels = np.full((20, 24, 6), 1e300)
    voxels[0] = 1.0
    refused(nifti_file(voxels), "NaN or infinite")


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_constant_scan(nifti_file, hdf5_file, value):
    refused(nifti_file(np.full((20, 24, 6), value, np.float32)), f"every voxel is {value:g}")
    refused(hdf5_file(reconstruction_rss=np.full((3, 32, 40), value)), f"every voxel is {value:g}")


@pytest.mark.parametrize("shape", [(15, 24, 6), (24, 8, 6)])
def test_a_scan_under_16_pixels(nifti_file, image, shape):
    refused(nifti_file(image(*shape)), "at least 16 x 16 pixels", f"{shape[0]} x {shape[1]}")


def test_a_volume_without_voxels(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((0, 20, 24), np.float32))
    refused(tmp_path / "a.npy", "[0, 20, 24] voxels")


def _with_sform(path, image, sform):
    header = nib.Nifti1Header()
    header.set_data_shape((20, 24, 6))
    header.set_data_dtype(np.float32)
    header["sform_code"] = 1
    header["srow_x"], header["srow_y"], header["srow_z"] = np.asarray(sform, np.float32)[:3]
    nib.save(nib.Nifti1Image(image(20, 24, 6), None, header), path)
    return path


@pytest.mark.parametrize("column", [[0, 0, 0], [1, 1, 0], [np.nan, 0, 1], [np.inf, 0, 1]])
def test_a_singular_or_non_finite_affine(tmp_path, image, column):
    sform = np.array([[1.0, 0, 0, 5], [0, 1, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1]])
    sform[:3, 2] = column
    refused(_with_sform(tmp_path / "a.nii", image, sform), "affine", "Repair the header")


def test_a_singular_affine_in_npz(tmp_path, image):
    np.savez(tmp_path / "a.npz", image=image(3, 20, 24), affine=np.diag([1.0, 0, 1, 1]))
    refused(tmp_path / "a.npz", "which is singular")


@pytest.mark.parametrize("row", [[0, 0, 0, 2], [1, 0, 0, 1], [0, 0, 0, 0]])
def test_an_affine_with_another_last_row(tmp_path, image, row):
    np.savez(
        tmp_path / "a.npz", image=image(3, 20, 24), affine=[[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 5, 0], row]
    )
    refused(tmp_path / "a.npz", "whose last row is 0 0 0 1", str([float(each) for each in row]))


@pytest.mark.parametrize("size", [1e9, 1e-45, 2e4, 9e-5])
def test_voxels_that_no_scan_has(tmp_path, image, size):
    np.savez(tmp_path / "a.npz", image=image(3, 20, 24), voxel_sizes=[1, 1, size])
    refused(tmp_path / "a.npz", "Expected voxels of 0.0001 to 10000 mm", f"{size:g}")
    if size > 1e-40:
        refused(_with_sform(tmp_path / "a.nii", image, np.diag([1, size, 1, 1])), "0.0001 to 10000 mm")


@pytest.mark.parametrize("sizes", [[1, 1], [1, 0, 1], [1, np.nan, 1]])
def test_voxel_sizes_that_are_none(tmp_path, image, sizes):
    np.savez(tmp_path / "a.npz", image=image(3, 20, 24), voxel_sizes=sizes)
    refused(tmp_path / "a.npz", "three positive voxel_sizes")


def test_pickled_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"run": "me"}], dtype=object), allow_pickle=True)
    refused(tmp_path / "a.npy", "Expected numbers. Received: object", "nothing is unpickled")
    np.savez(tmp_path / "a.npz", image=np.array([None, 1], dtype=object))
    refused(tmp_path / "a.npz", "Expected numbers. Received: object")


@pytest.mark.parametrize("shape", [b"(1e3, 2)", b"(True,20,9)"])
def test_a_shape_that_is_none(tmp_path, image, shape):
    np.save(tmp_path / "a.npy", image(3, 20, 24))
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content.replace(b"(3, 20, 24)", shape.ljust(11)))
    refused(tmp_path / "a.npy", "truncated or something else")


def test_text_arrays(tmp_path):
    np.save(tmp_path / "a.npy", np.full((20, 24), "word"))
    refused(tmp_path / "a.npy", "Expected numbers")
    np.savez(tmp_path / "a.npz", image=np.ones((20, 24)), affine="none")
    refused(tmp_path / "a.npz", "Expected numbers")
    np.savez(tmp_path / "a.npz", image=np.ones((20, 24)), subject=7)
    refused(tmp_path / "a.npz", "Expected text")


def test_an_npz_with_several_images(tmp_path, image):
    np.savez(tmp_path / "a.npz", first=image(20, 24), second=image(20, 24))
    refused(tmp_path / "a.npz", "one array called image or kspace", "first")


def test_an_npz_with_two_entries_of_one_name(tmp_path, image):
    np.save(tmp_path / "image.npy", image(20, 24))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.write(tmp_path / "image.npy", "image.npy")
        archive.write(tmp_path / "image.npy", "other/image.npy")
    refused(tmp_path / "a.npz", "arrays of different names. Received: ['image', 'image']")


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_npz_that_is_packed_as_numpy_does_not(tmp_path, image, packing):
    np.save(tmp_path / "image.npy", image(20, 24))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", packing) as archive:
        archive.write(tmp_path / "image.npy", "image.npy")
    refused(tmp_path / "a.npz", "stored or deflated", "numpy.savez_compressed")


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("name", "header_bytes"), [("a.nii", 352), ("a.npy", 128)])
def test_a_damaged_header_is_either_harmless_orrefused(nifti_file, tmp_path, image, name, header_bytes, seed):
    np.save(tmp_path / "whole.npy", image(3, 20, 24))
    nifti_file(image(20, 24, 6), name="whole.nii")
    content = bytearray((tmp_path / f"whole{name[1:]}").read_bytes())
    rng = np.random.default_rng(seed)
    for position in rng.integers(0, header_bytes, 4):
        content[position] = rng.integers(0, 256)
    (tmp_path / name).write_bytes(content)
    try:
        scan = read_scan(tmp_path / name)
    except ScanError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(scan.voxels).all()
        assert np.isfinite(scan.affine).all()


def test_what_a_system_reads_in_pieces_is_read_whole(tmp_path, monkeypatch):
    class FewAtOnce(io.FileIO):
        def readinto(self, buffer, /):
            return super().readinto(memoryview(buffer)[:1000])

    class InPieces(hdf5_files._WalkedFile, FewAtOnce):
        pass

    written = np.random.default_rng(0).normal(size=(8, 40, 40)).astype(np.float32)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = written
    monkeypatch.setattr(hdf5_files, "_WalkedFile", InPieces)
    with open_hdf5(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["images"][()], written)
