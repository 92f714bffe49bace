"""Packed HDF5 data are read as HDF5's library reads them, and never unfolded to more than they declare."""

import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from lfsr_tf.errors import ScanError
from lfsr_tf.scans import read_scan
from lfsr_tf.scans.kspace.hdf5_files import open_hdf5, read_text
from lfsr_tf.scans.kspace.hdf5_storage import check_storage, read_array
from tests.scans.refusals import refused

MIB = 2**20
PACKINGS = [
    {"compression": "gzip"},
    {"compression": "gzip", "shuffle": True},
    {"compression": "gzip", "shuffle": True, "fletcher32": True},
    {"compression": "lzf", "shuffle": True},
    {"fletcher32": True},
    {"shuffle": True},
    {},
]


def refused_within(memory: int, path: Path, *words: str) -> None:
    """The file is refused, and meanwhile Python and NumPy take no more than `memory` bytes."""
    tracemalloc.start()
    try:
        refused(path, *words)
        assert tracemalloc.get_traced_memory()[1] < memory
    finally:
        tracemalloc.stop()


def _read(path: Path, name: str = "data") -> np.ndarray:
    with h5py.File(path) as file:
        check_storage(file[name], name, path)
        return read_array(file[name])


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("dtype", ["<c8", ">c8", "<c16", "<f4", ">f8", "<i2", ">u2", "<f2", "?", "S7"])
def test_packed_data_are_what_hdf5s_library_gives(tmp_path: Path, packing: dict, dtype: str) -> None:
    values = np.random.default_rng(0).integers(0, 99, (5, 20, 13)).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        # Of odd chunks that reach beyond the data, and of some that are larger than them.
        for number, chunks in enumerate([(2, 7, 13), (5, 20, 13), (1, 1, 1)]):
            file.create_dataset(f"data{number}", data=values, chunks=chunks, **packing)
    for number in range(3):
        found = _read(tmp_path / "a.h5", f"data{number}")
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, values)


def test_chunks_that_were_left_unpacked_are_read_as_they_are(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(2, 32, 32)).astype(np.float32)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("data", values.shape, "f4", chunks=(1, 32, 32), compression="gzip")
        for number, plane in enumerate(values):
            data.id.write_direct_chunk((number, 0, 0), plane.tobytes(), filter_mask=1)
    np.testing.assert_array_equal(_read(tmp_path / "a.h5"), values)


@pytest.mark.parametrize("layout", ["scaleoffset", "twelve bits"])
def test_numbers_that_only_hdf5s_library_can_unpack_are_refused(tmp_path: Path, layout: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        if layout == "scaleoffset":
            file.create_dataset("data", data=np.ones((32, 32), int), chunks=(32, 32), scaleoffset=8)
        else:
            kind = h5py.h5t.STD_I16LE.copy()
            kind.set_precision(12)
            _dataset(file, "data", (32, 32), kind, zlib.compress(bytes(2048)))
    with pytest.raises(ScanError, match="Unpack it"):
        _read(tmp_path / "a.h5")


def _dataset(file: h5py.File, name: str, shape: tuple, kind: h5py.h5t.TypeID, chunk: bytes, times: int = 1):
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_chunk(shape)
    for _ in range(times):
        layout.set_deflate(1)
    space = h5py.h5s.create_simple(shape)
    dataset = h5py.h5d.create(file.id, name.encode(), kind, space, layout)
    dataset.write_direct_chunk((0,) * len(shape), chunk)


@pytest.fixture
def bomb(tmp_path: Path) -> Callable[..., Path]:
    """A file with kspace, one data set of which holds a chunk of 256 MiB of zeros, however small it says."""

    def write(name: str, shape: tuple, kind: h5py.h5t.TypeID, times: int = 1) -> Path:
        deflate, zeros = zlib.compressobj(9), bytes(MIB)
        chunk = b"".join([*(deflate.compress(zeros) for _ in range(256)), deflate.flush()])
        for _ in range(times - 1):
            chunk = zlib.compress(chunk, 9)
        with h5py.File(tmp_path / "a.h5", "w") as file:
            if name != "kspace":
                file["kspace"] = np.random.default_rng(0).normal(size=(1, 32, 40)).astype(np.complex64)
            _dataset(file, name, shape, kind, chunk, times)
        return tmp_path / "a.h5"

    return write


def _text(size: int) -> h5py.h5t.TypeID:
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(size)
    return kind


@pytest.mark.parametrize(
    ("name", "shape", "kind"),
    [
        ("kspace", (1, 32, 40), h5py.h5t.py_create(np.complex64)),
        ("mask", (40,), h5py.h5t.IEEE_F32LE),
        ("ismrmrd_header", (1,), _text(1000)),
    ],
)
def test_what_is_deflated_twice_is_refused(bomb, name: str, shape: tuple, kind: h5py.h5t.TypeID) -> None:
    path = bomb(name, shape, kind, times=2)
    assert path.stat().st_size < 20_000
    refused_within(MIB, path, name, "with the HDF5 filters 1, 1")


def test_a_chunk_that_is_stored_larger_than_it_declares_is_refused(bomb) -> None:
    refused_within(MIB, bomb("kspace", (1, 32, 40), h5py.h5t.py_create(np.complex64)), "bytes of stored data")


def test_a_chunk_is_unfolded_to_its_size_and_no_further(bomb) -> None:
    path = bomb("kspace", (1, 200, 200), h5py.h5t.py_create(np.complex64))
    refused_within(4 * MIB, path, "a chunk of 320000 bytes unfolds to another size")


def test_a_chunk_that_unfolds_to_less_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        kind = h5py.h5t.IEEE_F32LE
        _dataset(file, "reconstruction_rss", (1, 32, 32), kind, zlib.compress(bytes(4095)))
    refused(tmp_path / "a.h5", "a chunk of 4096 bytes unfolds to another size")


def test_lzf_that_asks_for_more_than_its_chunk_is_refused(tmp_path: Path) -> None:
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_chunk((32, 32))
    layout.set_filter(h5py.h5z.FILTER_LZF, h5py.h5z.FLAG_OPTIONAL)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        space = h5py.h5s.create_simple((32, 32))
        dataset = h5py.h5d.create(file.id, b"data", h5py.h5t.IEEE_F32LE, space, layout)
        dataset.write(
            h5py.h5s.ALL, h5py.h5s.ALL, np.random.default_rng(0).integers(0, 2, (32, 32)).astype("f4")
        )
    content = (tmp_path / "a.h5").read_bytes()
    size = struct.pack("<I", 4096)
    settings = content.index(size, content.index(b"lzf"))
    (tmp_path / "a.h5").write_bytes(content[:settings] + b"\xff" * 4 + content[settings + 4 :])
    with pytest.raises(ScanError, match="HDF5 filters 32000"):
        _read(tmp_path / "a.h5")


def test_chunks_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    plane = zlib.compress(np.random.default_rng(0).integers(0, 3, (64, 64)).astype(np.float32).tobytes())
    with h5py.File(tmp_path / "a.h5", "w") as file:
        images = file.create_dataset(
            "reconstruction_rss", (40, 64, 64), "f4", chunks=(1, 64, 64), compression="gzip"
        ).id
        for number in range(40):
            images.write_direct_chunk((number, 0, 0), plane if number == 0 else b"%015d" % number)
        first, *others = [images.get_chunk_info(number) for number in range(40)]
    content = bytearray((tmp_path / "a.h5").read_bytes())
    for chunk in others:
        entry = struct.pack("<II4QQ", chunk.size, 0, *chunk.chunk_offset, 0, chunk.byte_offset)
        place = content.index(entry)
        content[place : place + len(entry)] = struct.pack(
            "<II4QQ", first.size, 0, *chunk.chunk_offset, 0, first.byte_offset
        )
    (tmp_path / "a.h5").write_bytes(content)
    refused_within(MIB, tmp_path / "a.h5", f"at most {len(content)} bytes of stored data")


@pytest.fixture
def lying_text(tmp_path: Path, hdf5_file, image) -> Callable[..., Path]:
    """A file with a text of 100 bytes that says that it has 2 GiB."""

    def write(place: str) -> Path:
        texts = {"ismrmrd_header": "x" * 100} if place == "header" else {}
        path = hdf5_file(
            attrs={} if texts else {"patient_id": "y" * 100}, reconstruction_rss=image(3, 32, 40), **texts
        )
        content = bytearray(path.read_bytes())
        reference = content.index(struct.pack("<IQ", 100, content.index(b"GCOL\1")))
        struct.pack_into("<I", content, reference, 2**31)
        path.write_bytes(content)
        return path

    return write


def _no_reading(self, *where: object) -> None:
    raise AssertionError("the library makes room for the length that is stated")


def test_the_length_of_a_text_is_looked_at_before_it_is_read(lying_text, monkeypatch) -> None:
    refused(lying_text("header"), "Expected at most 1048576 bytes of ismrmrd_header", "Received: 2147483648")
    path = lying_text("attribute")
    monkeypatch.setattr(h5py.AttributeManager, "__getitem__", _no_reading)
    assert read_scan(path).subject == "file1000001"


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("others", [0, 20])
def test_attributes_are_found_wherever_the_library_puts_them(
    tmp_path, image, libver: str, others: int
) -> None:
    with h5py.File(tmp_path / "a.h5", "w", libver=libver) as file:
        file["reconstruction_rss"] = image(3, 32, 40)
        file.attrs.update({f"other{number}": "text" * number for number in range(others)})
        file.attrs["patient_id"], file.attrs["acquisition"] = "p07", "AXT2"
    scan = read_scan(tmp_path / "a.h5")
    assert (scan.subject, scan.contrast) == ("p07", "T2w")


def test_a_header_that_is_the_only_chunk_of_its_data_set_is_read_and_its_length_is_looked_at(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ismrmrd.h5"
    with h5py.File(path, "w") as file:
        # As python-ismrmrd writes it.
        text = file.create_dataset("xml", shape=(1,), maxshape=(1,), dtype=h5py.string_dtype())
        text[0] = "<ismrmrdHeader/>"
        place = text.id.get_chunk_info(0).byte_offset
    with open_hdf5(path) as file:
        assert read_text(file, "xml", path) == b"<ismrmrdHeader/>"
    content = bytearray(path.read_bytes())
    content[place : place + 4] = (0xF0000000).to_bytes(4, "little")
    path.write_bytes(content)
    with open_hdf5(path) as file, pytest.raises(ScanError, match="Received: 4026531840"):
        read_text(file, "xml", path)
