"""Files that are no scans: each is refused in one line that says what was expected, what came, what to do."""

import gzip
import zipfile

import h5py
import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.errors import ScanError
from lfsr_tf.scans import read_scan
from lfsr_tf.scans.checks import check_stored_size, unfolding_at_most

NAMES = ["a.nii", "a.nii.gz", "a.h5", "a.npy", "a.npz", "a.dcm"]


def _refused(path, *words):
    with pytest.raises(ScanError) as caught:
        read_scan(path)
    message = str(caught.value)
    assert message.startswith("Expected ")
    assert "Received: " in message
    assert message.count(". ") >= 2, "no advice after what was received"
    assert "\n" not in message
    assert str(path) in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file(tmp_path, name):
    _refused(tmp_path / name, "does not exist")


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_file(tmp_path, name):
    (tmp_path / name).touch()
    _refused(tmp_path / name, "empty")


@pytest.mark.parametrize("name", NAMES)
def test_a_text_file_under_the_name_of_a_scan(tmp_path, name):
    (tmp_path / name).write_text("This is not a scan, whatever its name says.\n" * 100)
    _refused(tmp_path / name)


@pytest.mark.parametrize("name", NAMES[:5])
def test_a_folder_under_the_name_of_a_scan(tmp_path, name):
    (tmp_path / name).mkdir()
    _refused(tmp_path / name, "folder")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_truncated_nifti(nifti_file, tmp_path, name, kept):
    noise = np.random.default_rng(0).normal(100, 10, (20, 24, 6)).astype(np.float32)
    whole = nifti_file(noise, name="whole" + name[1:]).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * kept)])
    _refused(tmp_path / name, "truncated")


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.99])
def test_a_truncated_hdf5(hdf5_file, tmp_path, kept):
    whole = hdf5_file("whole.h5", kspace=np.ones((2, 64, 40), np.complex64)).read_bytes()
    (tmp_path / "a.h5").write_bytes(whole[: int(len(whole) * kept)])
    _refused(tmp_path / "a.h5", "truncated")


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_a_truncated_array(tmp_path, image, name):
    np.save(tmp_path / "whole.npy", image(5, 20, 24))
    np.savez(tmp_path / "whole.npz", image(5, 20, 24))
    whole = (tmp_path / f"whole{name[1:]}").read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    _refused(tmp_path / name, "truncated")


def test_complex_nifti(nifti_file, image):
    _refused(nifti_file(image(20, 24, 6).astype(np.complex64)), "real magnitude", "complex64")


def test_colour_nifti(nifti_file):
    colour = np.zeros((20, 24, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    _refused(nifti_file(colour), "real magnitude", "colour")


@pytest.mark.parametrize("shape", [(400,), (20, 24, 6, 1, 3)])
def test_one_and_five_axes_in_nifti(nifti_file, image, shape):
    _refused(nifti_file(image(*shape)), f"{len(shape)} axes", str(list(shape)))


@pytest.mark.parametrize("shape", [(400,), (2, 2, 3, 20, 24)])
@pytest.mark.parametrize("kind", [np.float32, np.complex64])
def test_one_and_five_axes_in_npy(tmp_path, image, shape, kind):
    np.save(tmp_path / "a.npy", image(*shape).astype(kind))
    _refused(tmp_path / "a.npy", f"{len(shape)} axes")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_not_finite(nifti_file, hdf5_file, tmp_path, image, value):
    voxels = image(20, 24, 6)
    voxels[3, 4, 5] = value
    _refused(nifti_file(voxels), "1 of 2880 NaN or infinite")
    _refused(hdf5_file(reconstruction_rss=np.moveaxis(voxels, 2, 0)), "1 of 2880 NaN or infinite")
    np.save(tmp_path / "a.npy", voxels.T)
    _refused(tmp_path / "a.npy", "1 of 2880 NaN or infinite")


def test_voxels_beyond_float32(nifti_file):
    voxels = np.full((20, 24, 6), 1e300)
    voxels[0] = 1.0
    _refused(nifti_file(voxels), "NaN or infinite")


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_constant_scan(nifti_file, hdf5_file, value):
    _refused(nifti_file(np.full((20, 24, 6), value, np.float32)), f"every voxel is {value:g}")
    _refused(hdf5_file(reconstruction_rss=np.full((3, 32, 40), value)), f"every voxel is {value:g}")


def test_kspace_without_signal(hdf5_file):
    _refused(hdf5_file(kspace=np.zeros((2, 3, 32, 40), np.complex64)), "every voxel is 0")


@pytest.mark.parametrize("shape", [(15, 24, 6), (24, 8, 6)])
def test_a_scan_under_16_pixels(nifti_file, image, shape):
    _refused(nifti_file(image(*shape)), "at least 16 x 16 pixels", f"{shape[0]} x {shape[1]}")


def test_a_volume_without_voxels(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((0, 20, 24), np.float32))
    _refused(tmp_path / "a.npy", "[0, 20, 24] voxels")


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
    _refused(_with_sform(tmp_path / "a.nii", image, sform), "affine", "Repair the header")


def test_a_singular_affine_in_npz(tmp_path, image):
    np.savez(tmp_path / "a.npz", image=image(3, 20, 24), affine=np.diag([1.0, 0, 1, 1]))
    _refused(tmp_path / "a.npz", "which is singular")


@pytest.mark.parametrize("sizes", [[1, 1], [1, 0, 1], [1, np.nan, 1]])
def test_voxel_sizes_that_are_none(tmp_path, image, sizes):
    np.savez(tmp_path / "a.npz", image=image(3, 20, 24), voxel_sizes=sizes)
    _refused(tmp_path / "a.npz", "three positive voxel_sizes")


def test_hdf5_without_kspace_or_reconstruction(hdf5_file):
    _refused(hdf5_file(other=np.zeros(3), mask=np.ones(4)), "which holds mask, other")
    _refused(hdf5_file(), "which holds nothing")


def test_kspace_that_is_not_a_complex_array(hdf5_file):
    _refused(hdf5_file(kspace=np.ones((2, 64, 40), np.float32)), "Expected complex kspace", "float32")
    path = hdf5_file("group.h5")
    with h5py.File(path, "w") as file:
        file.create_group("kspace")
    _refused(path, "Expected an array kspace", "a group")


@pytest.mark.parametrize("shape", [(64,), (64, 40), (1, 2, 2, 64, 40)])
def test_kspace_of_another_number_of_axes(hdf5_file, shape):
    _refused(hdf5_file(kspace=np.ones(shape, np.complex64)), f"{len(shape)} axes")


def test_kspace_with_nan(hdf5_file, tmp_path):
    kspace = np.ones((2, 64, 40), np.complex64)
    kspace[0, 0, 0] = 1j * np.nan
    _refused(hdf5_file(kspace=kspace), "1 of 5120 NaN or infinite")
    np.save(tmp_path / "a.npy", kspace)
    _refused(tmp_path / "a.npy", "1 of 5120 NaN or infinite")


def test_undersampled_kspace(hdf5_file):
    mask = np.zeros(40, bool)
    mask[::4] = mask[16:24] = True
    _refused(hdf5_file(kspace=np.ones((2, 64, 40), np.complex64), mask=mask), "keeps 16 of 40 lines")


@pytest.mark.parametrize("header", [b"<ismrmrdHeader>", b"garbage"])
def test_a_garbled_header(hdf5_file, image, header):
    _refused(hdf5_file(reconstruction_rss=image(3, 32, 40), ismrmrd_header=header), "ISMRMRD header in XML")


def test_pickled_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"run": "me"}], dtype=object), allow_pickle=True)
    _refused(tmp_path / "a.npy", "Expected numbers. Received: object", "nothing is unpickled")
    np.savez(tmp_path / "a.npz", image=np.array([None, 1], dtype=object))
    _refused(tmp_path / "a.npz", "Expected numbers. Received: object")


def test_text_arrays(tmp_path):
    np.save(tmp_path / "a.npy", np.full((20, 24), "word"))
    _refused(tmp_path / "a.npy", "Expected numbers")
    np.savez(tmp_path / "a.npz", image=np.ones((20, 24)), affine="none")
    _refused(tmp_path / "a.npz", "Expected numbers")
    np.savez(tmp_path / "a.npz", image=np.ones((20, 24)), subject=7)
    _refused(tmp_path / "a.npz", "Expected text")


def test_an_npz_with_several_images(tmp_path, image):
    np.savez(tmp_path / "a.npz", first=image(20, 24), second=image(20, 24))
    _refused(tmp_path / "a.npz", "one array called image or kspace", "first")


# What a header promises and a file does not hold must cost no memory: each of these would take a terabyte.


def _huge_nifti_header():
    header = nib.Nifti1Header()
    header.set_data_shape((30000, 30000, 300))
    header.set_data_dtype(np.float32)
    header["magic"], header["vox_offset"] = b"n+1", 352
    return header.binaryblock + b"\0" * 4


def test_a_nifti_that_promises_more_than_it_holds(tmp_path):
    content = _huge_nifti_header() + b"\0" * 10_000
    (tmp_path / "a.nii").write_bytes(content)
    _refused(tmp_path / "a.nii", "1080000000000 bytes", "truncated")
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content))
    _refused(tmp_path / "a.nii.gz", "1080000000000 bytes", "truncated")


def test_an_npy_that_promises_more_than_it_holds(tmp_path):
    header = {"descr": "<f4", "fortran_order": False, "shape": (300, 30000, 30000)}
    with (tmp_path / "a.npy").open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(b"\0" * 10_000)
    _refused(tmp_path / "a.npy", "1080000000000 bytes")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.write(tmp_path / "a.npy", "image.npy")
    _refused(tmp_path / "a.npz", "1080000000000 bytes")


@pytest.mark.parametrize(
    "options", [{}, {"chunks": (1, 300, 300)}, {"chunks": (1, 300, 300), "compression": "gzip"}]
)
def test_an_hdf5_dataset_that_was_declared_but_never_written(tmp_path, options):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("kspace", (300, 30000, 30000), np.complex64, **options)
    _refused(tmp_path / "a.h5", "Expected 2160000000000 bytes of image data. Received: 0 bytes")


def test_an_archive_that_claims_more_than_its_compression_can_give(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("image.npy", b"\0" * 1000)
    claim = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace((1000).to_bytes(4, "little"), claim))
    _refused(path, "Expected 4294967294 bytes", "truncated")


def test_more_than_16_gib_is_refused_even_where_it_could_be_held():
    with pytest.raises(
        ScanError, match=r"Expected at most 16 GiB of image data. Received: 17.0 GiB in a.nii.gz"
    ):
        check_stored_size(17 * 2**30, 2**30, "a.nii.gz", compressed=True)


def test_a_caller_can_set_a_lower_limit_for_a_block(nifti_file, image):
    path = nifti_file(image(20, 24, 6))
    with unfolding_at_most(2**10), pytest.raises(ScanError, match=r"Expected at most .* GiB of image data"):
        read_scan(path)
    assert read_scan(path).voxels.shape == (20, 24, 6)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("name", "header_bytes"), [("a.nii", 352), ("a.npy", 128)])
def test_a_damaged_header_is_either_harmless_or_refused(
    nifti_file, tmp_path, image, name, header_bytes, seed
):
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
