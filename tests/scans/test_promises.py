"""What a header promises and a file does not hold is refused, and costs no memory."""

import gzip
import json
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filereader import read_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from lfsr_tf.errors import ScanError
from lfsr_tf.scans import read_scan
from lfsr_tf.scans.checks import check_packing, check_stored_size, unfolding_at_most
from tests.scans.dicom.conftest import classic_slice, volume
from tests.scans.refusals import refused

MIB = 2**20
ZEROS = bytes(16 * MIB)


def _huge_nifti_header():
    header = nib.Nifti1Header()
    header.set_data_shape((30000, 30000, 300))
    header.set_data_dtype(np.float32)
    header["magic"], header["vox_offset"] = b"n+1", 352
    return header.binaryblock + b"\0" * 4


def test_a_nifti_that_promises_more_than_it_holds(tmp_path):
    content = _huge_nifti_header() + b"\0" * 10_000
    (tmp_path / "a.nii").write_bytes(content)
    refused(tmp_path / "a.nii", "1080000000000 bytes", "truncated")
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content))
    refused(tmp_path / "a.nii.gz", "1080000000000 bytes", "truncated")


def test_an_npy_that_promises_more_than_it_holds(tmp_path):
    header = {"descr": "<f4", "fortran_order": False, "shape": (300, 30000, 30000)}
    with (tmp_path / "a.npy").open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(b"\0" * 10_000)
    refused(tmp_path / "a.npy", "1080000000000 bytes")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.write(tmp_path / "a.npy", "image.npy")
    refused(tmp_path / "a.npz", "1080000000000 bytes")


@pytest.mark.parametrize(
    "options", [{}, {"chunks": (1, 300, 300)}, {"chunks": (1, 300, 300), "compression": "gzip"}]
)
def test_an_hdf5_dataset_that_was_declared_but_never_written(tmp_path, options):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("kspace", (300, 30000, 30000), np.complex64, **options)
    refused(tmp_path / "a.h5", "Expected 2160000000000 bytes of image data. Received: 0 bytes")


def test_an_archive_that_claims_more_than_its_compression_can_give(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("image.npy", b"\0" * 1000)
    claim = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace((1000).to_bytes(4, "little"), claim))
    refused(path, "Expected 4294967294 bytes", "truncated")


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


def test_an_archive_that_claims_to_be_larger_than_its_file(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("image.npy", "w") as stream,
    ):
        stream.write(_npy_header((17, 2**11, 2**11)))
        for _ in range(17):
            stream.write(ZEROS)
    content = (tmp_path / "a.npz").read_bytes()
    place = content.rindex(b"PK\1\2") + 20
    (tmp_path / "a.npz").write_bytes(content[:place] + struct.pack("<I", 2**27) + content[place + 4 :])
    refused(tmp_path / "a.npz", "packs at most 100 to 1", f"in {len(content)} bytes")


def test_chunks_that_were_never_written_are_no_zeros(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset(
            "kspace", (8, 64, 40), np.complex64, chunks=(1, 64, 40), compression="gzip"
        )
        dataset[:5] = np.random.default_rng(0).normal(size=(5, 64, 40)).astype(np.complex64)
    refused(tmp_path / "a.h5", "Expected 8 chunks of data. Received: 5 in kspace")


@pytest.mark.parametrize("declared", [2**20, 2**28])
def test_a_small_blank_image_may_pack_as_tightly_as_it_likes(declared):
    check_packing(declared, 100, "a.nii.gz")
    with pytest.raises(ScanError, match="packs at most 100 to 1"):
        check_packing(2**28 + 1, 100, "a.nii.gz")


def _nifti_header(shape, offset=352.0, extended=False):
    header = nib.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(np.float32)
    header["magic"], header["vox_offset"] = b"n+1", offset
    return header.binaryblock + bytes([extended, 0, 0, 0])


def _write_nifti_bombs(folder):
    (folder / "tiny.nii").write_bytes(_nifti_header((32767,) * 3) + bytes(48))
    packed = gzip.compress(ZEROS, 1)
    (folder / "zeros.nii.gz").write_bytes(gzip.compress(_nifti_header((512, 512, 512))) + 17 * packed)
    extension = struct.pack("<ii", 2**31 - 16, 6)
    head = gzip.compress(_nifti_header((20, 24, 6), float(2**31), extended=True) + extension)
    (folder / "extension.nii.gz").write_bytes(head + 17 * packed)
    for size in (-1, 7, 2**31 - 16):
        head = gzip.compress(_nifti_header((20, 24, 6), 1024.0, extended=True) + struct.pack("<ii", size, 6))
        (folder / f"extension{size}.nii.gz").write_bytes(head + 17 * packed)
    many = struct.pack("<ii8x", 16, 6) * 2**20
    (folder / "extensions.nii.gz").write_bytes(
        gzip.compress(_nifti_header((20, 24, 6), 352.0 + len(many), extended=True) + many + bytes(11520), 9)
    )


def _write_numpy_bombs(folder):
    header = {"descr": "<f4", "fortran_order": False, "shape": (100000,) * 3}
    with (folder / "shape.npy").open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(bytes(100))
    magic = b"\x93NUMPY\x02\x00"
    (folder / "header.npy").write_bytes(magic + struct.pack("<I", 2**32 - 1) + b" " * 1000)
    for name, start in (
        ("header.npz", magic + struct.pack("<I", 2**28)),
        ("zeros.npz", _npy_header((17, 2**11, 2**11))),
    ):
        with (
            zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("image.npy", "w") as stream,
        ):
            stream.write(start)
            for _ in range(17):
                stream.write(ZEROS)


def _npy_header(shape):
    array = np.lib.format.magic(1, 0)
    text = repr({"descr": "<f4", "fortran_order": False, "shape": shape}).encode() + b"\n"
    return array + struct.pack("<H", len(text)) + text


def _write_hdf5_bombs(folder):
    with h5py.File(folder / "fill.h5", "w") as file:
        file.create_dataset("kspace", (100000,) * 3, np.complex64, chunks=(1, 1000, 1000), fillvalue=1j)
    with h5py.File(folder / "zeros.h5", "w") as file:
        images = file.create_dataset(
            "reconstruction_rss", (33, 1448, 1448), np.float32, chunks=(1, 1448, 1448), compression="gzip"
        )
        for number in range(33):
            images[number] = 0
    with h5py.File(folder / "chunk.h5", "w") as file:
        chunk = (1, 8192, 4100)
        images = file.create_dataset(
            "reconstruction_rss",
            (1, 32, 32),
            np.float64,
            chunks=chunk,
            maxshape=(None,) * 3,
            compression="gzip",
        )
        images[:] = 1.0
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(2**31)
    late = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    late.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    with h5py.File(folder / "header.h5", "w") as file:
        file["reconstruction_rss"] = np.ones((3, 20, 24), np.float32)
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        h5py.h5d.create(file.id, b"ismrmrd_header", kind, space, late)


def _placed(plane: np.ndarray) -> Dataset:
    dataset = classic_slice(plane)
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [1, 1]
    return dataset


def _write_dicom_bombs(folder):
    for name in ("native", "rle", "deflated", "deflated-late"):
        (folder / name).mkdir()
    dataset = _placed(volume()[0])
    dataset.Rows = dataset.Columns = 65535
    dataset.save_as(folder / "native" / "a.dcm", enforce_file_format=True)
    dataset.file_meta.TransferSyntaxUID = RLELossless
    dataset.PixelData = encapsulate([bytes(200)])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(folder / "rle" / "a.dcm", enforce_file_format=True)
    _write_deflated(folder / "deflated" / "a.dcm", version=bytes([0, 1]))
    # The name of its syntax stands behind a long element.
    _write_deflated(folder / "deflated-late" / "a.dcm", version=bytes(5000))


def _write_deflated(path, version):
    dataset = _placed(volume()[0])
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.file_meta.FileMetaInformationVersion = version
    dataset.save_as(path, enforce_file_format=True)
    start = 144 + read_file_meta_info(path).FileMetaInformationGroupLength
    deflate = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    content = [path.read_bytes()[:start], deflate.compress(struct.pack("<HH2sHI", 9, 16, b"OB", 0, 2**29))]
    content += [deflate.compress(ZEROS) for _ in range(17)]
    path.write_bytes(b"".join([*content, deflate.flush()]))


# Address space, so that no allocation escapes by not being touched; the first scan warms TensorFlow up.
READ_ALL = """
import json, resource, sys
import numpy as np
from lfsr_tf.errors import ScanError
from lfsr_tf.scans import read_volumes
folder, limit, *names = sys.argv[1:]
np.save(f"{folder}/warm.npy", np.random.default_rng(0).normal(size=(2, 32, 32)).astype(np.complex64))
read_volumes(f"{folder}/warm.npy")
with open("/proc/self/statm") as status:
    used = int(status.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(limit),) * 2)
answers = {}
for name in names:
    try:
        read_volumes(f"{folder}/{name}")
    except ScanError as error:
        answers[name] = str(error)
print(json.dumps(answers))
"""


@pytest.mark.slow
def test_no_file_of_a_few_megabytes_takes_more_than_64_mib_before_it_is_refused(tmp_path: Path) -> None:
    for write in (_write_nifti_bombs, _write_numpy_bombs, _write_hdf5_bombs, _write_dicom_bombs):
        write(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert max(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 4 * MIB
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", READ_ALL, str(tmp_path), str(64 * MIB), *names],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert finished.returncode == 0, finished.stderr
    answers = json.loads(finished.stdout.splitlines()[-1])
    assert sorted(answers) == names
    for name, answer in answers.items():
        assert answer.startswith("Expected ") and "Received: " in answer and "\n" not in answer
        assert "fits into memory" not in answer, name
