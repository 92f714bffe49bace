"""How a data set of an HDF5 file of unknown origin is stored, and reading it without unfolding more.

HDF5's library unfolds a deflated chunk to whatever is in it, however small the chunk is by its declaration.
Such chunks are unfolded here, up to their size. LZF, whose steps give 88 to 1 at most, is left to the
library. No other filter is let in: several allocate what the file asks for.
"""

from __future__ import annotations

import itertools
import math
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError
from lfsr_tf.scans.checks import check_stored_size

# Numbers of the HDF Group's registry.
_DEFLATE, _SHUFFLE, _FLETCHER32, _LZF = 1, 2, 3, 32000
_FILTERS = ({_DEFLATE, _SHUFFLE, _FLETCHER32}, {_LZF, _SHUFFLE, _FLETCHER32})
_FLETCHER32_BYTES = 4
# Noise grows by five bytes in 16 kB when it is deflated; heads and checksums take some bytes of each chunk.
_LARGEST_SHARE, _CHUNK_OVERHEAD = 1.01, 64


def check_storage(dataset: h5py.Dataset, name: str, path: Path) -> None:
    """Refuse a data set that is declared larger than it is stored, or packed as it could fill memory.

    Args:
        dataset: Numbers, or texts of a fixed length.
        name: Of the data set, for messages.
        path: The file.

    Raises:
        ScanError: Less or more data than declared, more than the file holds, chunks that were never written,
            or filters other than shuffle, Fletcher-32, and one of gzip (deflate) and LZF.
    """
    where = f"{name} of {path}"
    _check_filters(dataset, where)
    # A chunk is unpacked as a whole, however little of it the data set has.
    declared, stored = max(dataset.nbytes, _chunk_bytes(dataset)), dataset.id.get_storage_size()
    check_stored_size(declared, stored, where, compressed=bool(_filters(dataset)))
    count = _count_chunks(dataset, where)
    needed = _LARGEST_SHARE * max(declared, count * _chunk_bytes(dataset)) + _CHUNK_OVERHEAD * count
    most = min(path.stat().st_size, int(needed))
    if stored > most:
        raise ScanError(
            f"Expected at most {most} bytes of stored data, by the declared size and by that of the file. "
            f"Received: {stored} in {where}, which is damaged. Copy it again."
        )


def read_array(dataset: h5py.Dataset) -> NDArray[Any]:
    """All values of a data set that `check_storage` let pass.

    Raises:
        OSError: A chunk unfolds to less or more than its size.
        zlib.error: A chunk cannot be unfolded.
    """
    filters = [code for code, _ in _filters(dataset)]
    if _DEFLATE not in filters:
        return np.asarray(dataset[()])
    values = np.empty(dataset.shape, dataset.dtype)
    steps = (range(0, size, step) for size, step in zip(dataset.shape, dataset.chunks, strict=True))
    for start in itertools.product(*steps):
        skipped, content = dataset.id.read_direct_chunk(start)
        used = [code for number, code in enumerate(filters) if not skipped >> number & 1]
        content = _unfolded(content, used, _chunk_bytes(dataset), dataset.dtype.itemsize)
        chunk = np.frombuffer(content, dataset.dtype).reshape(dataset.chunks)
        part = values[tuple(map(slice, start, np.add(start, dataset.chunks)))]
        part[...] = chunk[tuple(map(slice, part.shape))]  # the last chunks reach beyond the data
    return values


def _unfolded(content: bytes, filters: list[int], size: int, itemsize: int) -> bytes:
    """The `size` bytes of a chunk, whose filters are undone from the last to the first."""
    for code in reversed(filters):
        if code == _FLETCHER32:
            content = content[:-_FLETCHER32_BYTES]  # deflate has a checksum of its own
        elif code == _DEFLATE:
            content = zlib.decompressobj().decompress(content, size + _FLETCHER32_BYTES + 1)
        else:
            content = np.frombuffer(content, np.uint8).reshape(itemsize, -1).T.tobytes()
    if len(content) != size:
        raise OSError(f"a chunk of {size} bytes unfolds to another size")
    return content


def _filters(dataset: h5py.Dataset) -> list[tuple[int, tuple[int, ...]]]:
    """The number of each filter, and its settings, in the order in which they were applied."""
    plist = dataset.id.get_create_plist()
    found = (plist.get_filter(number) for number in range(plist.get_nfilters()))
    return [(code, settings) for code, _, settings, _ in found]


def _chunk_bytes(dataset: h5py.Dataset) -> int:
    return math.prod(dataset.chunks) * dataset.dtype.itemsize if dataset.chunks else 0


def _check_filters(dataset: h5py.Dataset, where: str) -> None:
    filters = _filters(dataset)
    codes = [code for code, _ in filters]
    # LZF makes room for as much as its third setting says.
    greedy = any(code == _LZF and settings[2:3] > (_chunk_bytes(dataset),) for code, settings in filters)
    if greedy or len(set(codes)) < len(codes) or not any(known.issuperset(codes) for known in _FILTERS):
        raise ScanError(
            f"Expected data that are packed once, by gzip or LZF, or not at all. Received: {where}, with the "
            f"HDF5 filters {', '.join(map(str, codes))}. Unpack it (h5repack -f NONE)."
        )
    kind = dataset.id.get_type()
    text = isinstance(kind, h5py.h5t.TypeStringID)
    if _DEFLATE in codes and not text and not kind.equal(h5py.h5t.py_create(dataset.dtype)):
        raise ScanError(
            f"Expected numbers as NumPy lays them out. Received: {where}, packed by gzip, with others. "
            "Unpack it (h5repack -f NONE)."
        )


def _count_chunks(dataset: h5py.Dataset, where: str) -> int:
    """How many chunks there are, and have to be; 0 for data in one piece."""
    if dataset.chunks is None:
        return 0
    pairs = zip(dataset.shape, dataset.chunks, strict=True)
    expected, stored = math.prod(-(-size // chunk) for size, chunk in pairs), dataset.id.get_num_chunks()
    # What was never written reads as zeros, which would pass for an undersampled or cut-off scan.
    if stored < expected:
        raise ScanError(
            f"Expected {expected} chunks of data. Received: {stored} in {where}; the others were never "
            "written. Copy or write the file again."
        )
    return expected
