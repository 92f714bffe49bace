"""Opening NIfTI files of unknown origin, before nibabel reads what their headers say."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from isal import igzip
from nibabel import imageglobals

from lfsr_tf.errors import ScanError

# Header extensions, such as a CIFTI or dcm2niix description, take kilobytes; the largest known a few MiB.
_MAX_OFFSET = 2**25
_MAX_EXTENSIONS = 1000
# Bytes (nifti1.h): of what says whether there are any, of a size and a code, and of the shortest one.
_EXTENSION_FLAG, _EXTENSION_HEAD, _LEAST_EXTENSION = 4, 8, 16


@contextmanager
def said_once() -> Iterator[None]:
    """Keep nibabel from logging, besides, what it is about to raise."""
    logger = imageglobals.logger
    logger.addFilter(_is_not_raised)
    try:
        yield
    finally:
        logger.removeFilter(_is_not_raised)


def _is_not_raised(record: logging.LogRecord) -> bool:
    return record.levelno < imageglobals.error_level


@contextmanager
def unpacked(path: Path) -> Iterator[BufferedIOBase]:
    """The bytes of a .nii or .nii.gz file; ISA-L takes half the time of nibabel."""
    with path.open("rb") as stream:
        if path.suffix.lower() == ".gz":
            with igzip.IGzipFile(fileobj=stream, mode="rb") as plain:
                yield plain
        else:
            yield stream


def image_class_of(stream: BufferedIOBase, path: Path) -> Any:
    """NIfTI-1 or NIfTI-2, for a file whose voxels follow its header: nibabel reads all that lies between."""
    head = stream.read(nib.Nifti2Header.sizeof_hdr)
    stream.seek(0)
    image_class = nib.Nifti2Image if nib.Nifti2Header.may_contain_header(head) else nib.Nifti1Image
    header_class = image_class.header_class
    if not header_class.may_contain_header(head):
        return image_class  # nibabel says what is wrong with it
    header = header_class(head[: header_class.sizeof_hdr], check=False)
    offset = float(header["vox_offset"])
    if not offset <= _MAX_OFFSET:
        raise ScanError(
            f"Expected voxels within {_MAX_OFFSET // 2**20} MiB of the start. Received: vox_offset "
            f"{offset:g} in {path}. Remove the header's extensions, or copy the file again."
        )
    _check_extensions(stream, header, path)
    stream.seek(0)
    return image_class


def _check_extensions(stream: BufferedIOBase, header: Any, path: Path) -> None:
    """Refuse header extensions that do not end before the voxels: nibabel reads what their sizes say."""
    stream.seek(header.sizeof_hdr)
    place, end = header.sizeof_hdr + _EXTENSION_FLAG, int(header["vox_offset"])
    if not any(stream.read(_EXTENSION_FLAG)[:1]):
        return
    for _ in range(_MAX_EXTENSIONS):
        if 0 <= end - place < _LEAST_EXTENSION:
            return
        stream.seek(place)
        size = int(np.frombuffer(stream.read(4).ljust(4, b"\0"), f"{header.endianness}i4")[0])
        if not _EXTENSION_HEAD <= size <= end - place:
            break
        place += size
    raise ScanError(
        f"Expected at most {_MAX_EXTENSIONS} header extensions, which end before the voxels at byte {end}. "
        f"Received: others from byte {place} on in {path}. Remove the extensions, or copy the file again."
    )
