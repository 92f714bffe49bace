"""Taking arrays and texts out of an HDF5 file of unknown origin.

HDF5 can promise any size for a few bytes (chunks that were never written read as fill values), and can take
its data from other files: external storage, external links and virtual data sets would read whatever a
stranger's file names. All of that is asked before anything is read. Texts of variable length and the sources
of virtual data sets lie in global heaps, on which its library can loop for ever: those are walked first.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lfsr_tf.errors import ScanError
from lfsr_tf.scans.checks import check_shape
from lfsr_tf.scans.kspace.hdf5_storage import check_storage, read_array
from lfsr_tf.scans.kspace.hdf5_texts import attribute_text_length, dataset_text_length

_MAX_TEXT = 2**20
"""Most bytes of a header or attribute: ISMRMRD headers with the whole protocol take some hundred kB."""

_HEAP_HEADER = 16
"""Bytes before a global heap's objects, and before the data of each, of which the last 8 are a size."""


class OpenHdf5(h5py.File):
    """An HDF5 file that knows its path, which h5py is not told where it reads through Python.

    Attributes:
        path: The file.
    """

    path: Path


@contextmanager
def open_hdf5(path: Path) -> Iterator[OpenHdf5]:
    """Open a file to read it; what lies in a damaged global heap is then an OSError when it is asked for.

    Raises:
        OSError: The file is no HDF5, or cannot be read.
    """
    with _WalkedFile(path) as stream, OpenHdf5(stream, "r") as file:
        file.path = path
        _, stream.length_bytes = file.id.get_create_plist().get_sizes()
        yield file


def has_name(file: h5py.File, name: str) -> bool:
    """Whether the file has such an entry, be it a link that leads nowhere."""
    return file.get(name, getlink=True) is not None


def checked_dataset(
    file: h5py.File, name: str, shapes: dict[int, str], kinds: str, path: Path
) -> h5py.Dataset:
    """A data set that can be read: its shape, type and stored size have been found right.

    Args:
        file: An open file.
        name: The data set, which is there.
        shapes: What each number of axes that is allowed means.
        kinds: NumPy's letters of the dtypes that are allowed; "c" for complex samples.
        path: The file, for messages.

    Raises:
        ScanError: A group, another type or number of axes, data in other files, or less data than declared.
    """
    dataset = open_dataset(file, name, path)
    if dataset.dtype.kind not in kinds:
        raise ScanError(_wrong_type(dataset, name, kinds, path))
    check_shape(dataset.shape, shapes, f"{name} of {path}")
    check_storage(dataset, name, path)
    return dataset


def read_text(file: h5py.File, name: str, path: Path) -> bytes | str:
    """A data set that holds one text, such as an XML header.

    Raises:
        ScanError: A group, an array, something that is no text, or more than 1 MiB of it.
    """
    dataset = open_dataset(file, name, path)
    kind = dataset.id.get_type()
    # Asked before reading: HDF5's library can crash on a damaged variable-length type that is no string.
    if not isinstance(kind, h5py.h5t.TypeStringID) or dataset.size != 1:
        raise ScanError(
            f"Expected {name} as one text. Received: {_kind(dataset)} {list(dataset.shape or ())} in {path}. "
            "Export it again."
        )
    variable = kind.is_variable_str()
    length = dataset_text_length(dataset, path) if variable else kind.get_size()
    if length is None or length > _MAX_TEXT:
        received = "one in another layout" if length is None else f"{length}"
        raise ScanError(
            f"Expected at most {_MAX_TEXT} bytes of {name} in one piece. Received: {received} in {path}. "
            "Export it again."
        )
    if not variable:
        check_storage(dataset, name, path)
    text: bytes | str = read_array(dataset).item() if length else b""
    return text


def read_attribute(file: OpenHdf5, name: str) -> str:
    """A short attribute as text; empty where it is missing, long, or neither text nor number."""
    if name not in file.attrs:
        return ""
    attribute = file.attrs.get_id(name)
    dtype = attribute.dtype
    text = h5py.check_string_dtype(dtype)
    if math.prod(attribute.shape) != 1 or not (text or dtype.kind in "iuf"):
        return ""
    variable = text is not None and text.length is None
    length = attribute_text_length(name, file.path) if variable else dtype.itemsize
    if length is None or length > _MAX_TEXT:
        return ""
    single = np.asarray(file.attrs[name]).item()
    return single.decode("utf-8", "replace").strip() if isinstance(single, bytes) else str(single).strip()


def open_dataset(file: h5py.File, name: str, path: Path) -> h5py.Dataset:
    """A data set whose data lie in this very file.

    Raises:
        ScanError: A group, or data in another file.
    """
    outside = isinstance(file.get(name, getlink=True), h5py.ExternalLink)
    dataset = None if outside else file[name]
    if dataset is not None and not isinstance(dataset, h5py.Dataset):
        raise ScanError(f"Expected an array {name}. Received: a group in {path}. Convert the file.")
    if dataset is None or dataset.is_virtual or dataset.external or dataset.file.filename != file.filename:
        raise ScanError(
            f"Expected {name} in the file itself. Received: {path}, which takes it from other files. "
            "Copy everything into one file (h5repack)."
        )
    return dataset


class _WalkedFile(io.FileIO):
    """A file that walks each global heap collection when HDF5's library asks for it, and before it gets it.

    The library loops for ever on an object that ends where it begins, such as free space of size 0. The
    layout is in the HDF5 File Format Specification, III.E.
    """

    length_bytes = 8

    def readinto(self, buffer: Any, /) -> int | None:
        start, view, done = self.tell(), memoryview(buffer).cast("B"), 0
        # One call reads 2 GiB at most, and h5py takes what it gets for everything.
        while done < len(view) and (count := super().readinto(view[done:])):
            done += count
        if view[:5] == b"GCOL\x01":
            self._walk(start)  # h5py says where it reads, each time
        return done

    def _walk(self, start: int) -> None:
        _, collection_size = self._header(start)
        place, end = start + _HEAP_HEADER, start + collection_size
        # An index has 16 bits, and that of free space is 0.
        for _ in range(2**16 + 1):
            if place + _HEAP_HEADER > end:
                return
            index, size = self._header(place)
            step = _HEAP_HEADER + -(-size // 8) * 8 if index else size
            if not 0 < step <= end - place:
                break
            place += step
        raise OSError(f"its global heap is damaged at byte {place}")

    def _header(self, place: int) -> tuple[int, int]:
        """The index and the size of an object; only the size is meant where a collection begins."""
        self.seek(place)
        header = self.read(_HEAP_HEADER)
        size = header[8 : 8 + self.length_bytes]
        return int.from_bytes(header[:2], "little"), int.from_bytes(size, "little")


def _wrong_type(dataset: h5py.Dataset, name: str, kinds: str, path: Path) -> str:
    received = f"{_kind(dataset)} {list(dataset.shape)} in {path}"
    if kinds != "c":
        return f"Expected real {name}. Received: {received}. Save the magnitude."
    if dataset.dtype.names and len(dataset.dtype.names) == 2:
        return f"Expected complex {name}. Received: {received}. Save both fields as one complex64 array."
    if dataset.shape[-1:] == (2,):
        return (
            f"Expected complex {name}. Received: {received}, real and imaginary parts along the last axis. "
            f"Save {name}[..., 0] + 1j * {name}[..., 1] as complex64."
        )
    return (
        f"Expected complex {name}. Received: {received}, without the phase that an image is made from. "
        "Save the complex samples."
    )


def _kind(dataset: h5py.Dataset) -> str:
    """The type in words; NumPy cannot name those that it cannot hold."""
    try:
        dtype = dataset.dtype
    except TypeError:
        return "a type that NumPy does not know"
    return f"fields {', '.join(dtype.names)}" if dtype.names else str(dtype)
