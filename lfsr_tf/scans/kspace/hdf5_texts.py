"""How long the texts of variable length in an HDF5 file claim to be, found without HDF5's library.

Where such a text would stand there is a reference: its length, the global heap that holds it, and its number
there. The library makes room for that length, up to 4 GiB, before it looks into the heap, and does not say it
beforehand. The layouts are in the HDF5 File Format Specification, III.E and IV.A.2.m.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from pathlib import Path

import h5py

_LENGTH_BYTES = 4
# Version, name size, type size and space size stand before the name; version 3 has its flags, and the
# name's character set, too.
_HEAD = {1: 8, 2: 8, 3: 9}


def dataset_text_length(dataset: h5py.Dataset, path: Path) -> int | None:
    """The length of the text in a data set of variable length, in bytes; 0 where none was ever written.

    Returns:
        None where the reference does not lie in one piece of its own (packed, or within the header).
    """
    if not dataset.id.get_storage_size():
        return 0
    place = dataset.id.get_offset()
    # python-ismrmrd makes a chunk of its only text.
    if place is None and dataset.chunks and not dataset.id.get_create_plist().get_nfilters():
        place = dataset.id.get_chunk_info(0).byte_offset
    if place is None:
        return None
    with path.open("rb") as stream:
        stream.seek(place)
        return _length(stream.read(_LENGTH_BYTES))


def attribute_text_length(name: str, path: Path) -> int | None:
    """The largest length of all attributes of a name, in bytes, whatever they belong to.

    Returns:
        None where the file holds no such attribute in plain sight.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return max(_attribute_lengths(content, name.encode() + b"\0"), default=None)


def _attribute_lengths(content: mmap.mmap, name: bytes) -> Iterator[int]:
    """What stands in place of a length behind each occurrence of the name that may be an attribute's."""
    for found in re.finditer(re.escape(name), content):
        for version, before in _HEAD.items():
            head = content[max(0, found.start() - before) : found.start()]
            if len(head) < before or head[0] != version:
                continue
            sizes = [int.from_bytes(head[at : at + 2], "little") for at in (2, 4, 6)]
            # The first version fills each part up to a multiple of 8 bytes.
            place = found.start() + sum(-(-size // 8) * 8 if version == 1 else size for size in sizes)
            yield _length(content[place : place + _LENGTH_BYTES])


def _length(reference: bytes) -> int:
    return int.from_bytes(reference, "little")
