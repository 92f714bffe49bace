"""What every reader asks of a file before a `Scan` is made of it; each failure is one `ScanError`.

Sizes are checked against the file before anything is allocated, so that a header that promises more than
the file holds (truncated, damaged or malicious) costs no memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError
from lfsr_tf.scans.scan import Scan

MIN_MATRIX = 16
"""Fewest pixels along each side of a slice: the smallest patch the networks are trained on."""

MIN_VOXEL_MM, MAX_VOXEL_MM = 1e-4, 1e4
"""Millimetres along an edge of a voxel: far beyond microscopes on one side and bodies on the other."""

MAX_BYTES = 2**34
"""Most bytes that one file may unfold to (16 GiB): a few hundred clinical volumes."""

_most_bytes: ContextVar[int] = ContextVar("most_bytes", default=MAX_BYTES)

# DEFLATE turns at most 258 bytes into two bits (RFC 1951), so 1032 to 1 with some bits to spare.
_MAX_COMPRESSION = 1033

# Scans pack 1.5 to 10 to 1. A file made to fill memory holds little but zeros, which gzip packs 200 to 1000
# times; small blank images are not suspected.
_DENSEST_SCAN = 100
_SUSPECT_BYTES = 2**28


def check_file(path: Path) -> None:
    """Refuse what is no file, or is empty."""
    if not path.is_file():
        raise ScanError(f"Expected a file. Received: {path}, which is not one. Check the path.")
    if path.stat().st_size == 0:
        raise ScanError(f"Expected a scan. Received: {path}, which is empty. Copy it again.")


def check_stored_size(declared: int, stored: int, path: Path | str, *, compressed: bool) -> None:
    """Refuse an array whose declared size cannot be held by the bytes that are stored for it.

    Args:
        declared: Bytes of the array by its header.
        stored: Bytes that are there.
        path: The file, for the message.
        compressed: Whether the stored bytes are compressed.
    """
    possible = stored * _MAX_COMPRESSION if compressed else stored
    if declared > possible:
        raise ScanError(
            f"Expected {declared} bytes of image data. Received: {stored} bytes in {path}, which is "
            "truncated or damaged. Copy it again."
        )
    if compressed:
        check_packing(declared, stored, path)
    check_unfolded_size(declared, path)


def check_packing(declared: int, stored: int, path: Path | str) -> None:
    """Refuse a compressed array that unfolds as no scan does: over 100 to 1, and to more than 256 MiB.

    Args:
        declared: Bytes of the array by its header.
        stored: Compressed bytes that are there.
        path: The file, for the message.
    """
    if declared > max(_SUSPECT_BYTES, stored * _DENSEST_SCAN):
        raise ScanError(
            f"Expected a scan, which packs at most {_DENSEST_SCAN} to 1. Received: "
            f"{declared / 2**30:.1f} GiB in {stored} bytes of {path}, all but "
            "empty. If it is a scan, give it uncompressed."
        )


def check_unfolded_size(declared: int, path: Path | str) -> None:
    """Refuse an array that is larger than one file may unfold to.

    Args:
        declared: Bytes of the array by its header.
        path: The file, for the message.
    """
    most = _most_bytes.get()
    if declared > most:
        raise ScanError(
            f"Expected at most {most / 2**30:g} GiB of image data. Received: {declared / 2**30:.1f} GiB "
            f"in {path}. Split the file."
        )


@contextmanager
def unfolding_at_most(most: int) -> Iterator[None]:
    """Read files of strangers: none that is read in the block unfolds to more than `most` bytes."""
    token = _most_bytes.set(most)
    try:
        yield
    finally:
        _most_bytes.reset(token)


def check_scan(scan: Scan, path: Path | str) -> None:
    """Refuse a scan that nothing can be done with: not real, slices too small, not finite, constant.

    Args:
        scan: As a reader gave it, with the slice axis that is going to be used.
        path: The file, or other words for it, for the message.
    """
    if scan.voxels.ndim != 3 or scan.voxels.dtype.kind != "f":
        raise ScanError(
            f"Expected real voxels along three axes. Received: {scan.voxels.dtype} along {scan.voxels.ndim} "
            f"from the reader of {path}. Correct the reader."
        )
    height, width = scan.slices().shape[1:]
    if min(height, width) < MIN_MATRIX:
        raise ScanError(
            f"Expected slices of at least {MIN_MATRIX} x {MIN_MATRIX} pixels. Received: {height} x {width} "
            f"in {path}. Choose another scan or another slice plane."
        )
    check_affine(scan.affine, path)
    check_finite(scan.voxels, path)
    if scan.voxels.min() == scan.voxels.max():
        raise ScanError(
            f"Expected an image. Received: {path}, where every voxel is {scan.voxels.flat[0]:g}. "
            "Check how the file was made."
        )


def check_finite(array: NDArray[Any], path: Path | str) -> None:
    """Refuse NaN and infinite values."""
    bad = array.size - int(np.count_nonzero(np.isfinite(array)))
    if bad:
        raise ScanError(
            f"Expected finite values. Received: {bad} of {array.size} NaN or infinite in {path}. "
            "Replace them, for example by 0 outside the head."
        )


def as_float32(voxels: NDArray[Any]) -> NDArray[np.float32]:
    """Voxels as float32; what lies beyond its range becomes infinite, which `check_scan` reports."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(voxels, dtype=np.float32)


def check_affine(affine: NDArray[np.float64], path: Path | str) -> NDArray[np.float64]:
    """The affine as float64, refused unless it is finite and its axes span space in steps of a scan."""
    affine = np.asarray(affine, dtype=np.float64)
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise ScanError(
            f"Expected a finite 4 x 4 affine. Received: {affine.tolist()} in {path}. Repair the header."
        )
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if affine[3].tolist() != [0, 0, 0, 1]:
        raise ScanError(
            f"Expected an affine whose last row is 0 0 0 1. Received: {affine[3].tolist()} in {path}. "
            "Repair the header."
        )
    # The volume of the cell over that of a box of the same edges: 1 for right angles, 0 in a plane.
    if lengths.min() == 0 or abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-3:
        raise ScanError(
            f"Expected an affine with three independent axes. Received: {affine[:3, :3].tolist()} in {path}, "
            "which is singular. Repair the header."
        )
    if lengths.min() < MIN_VOXEL_MM or lengths.max() > MAX_VOXEL_MM:
        raise ScanError(
            f"Expected voxels of {MIN_VOXEL_MM:g} to {MAX_VOXEL_MM:g} mm. Received: "
            f"{' x '.join(f'{length:g}' for length in lengths)} in {path}. Repair the header."
        )
    return affine


def check_shape(shape: Sequence[int], allowed: dict[int, str], path: Path | str) -> None:
    """Refuse an array of another number of axes than `allowed` names, or with an axis of length 0."""
    if len(shape) not in allowed:
        expected = " or ".join(allowed.values())
        raise ScanError(
            f"Expected {expected}. Received: {len(shape)} axes, {list(shape)}, in {path}. "
            "Take out one image, volume or series."
        )
    if math.prod(shape) == 0:
        raise ScanError(f"Expected an image. Received: {list(shape)} voxels in {path}. Copy it again.")
