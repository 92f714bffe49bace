"""Phantom scans for prepare.py, by the hundred thousand slices in a minute.

Command: python benchmarks/prepare_scans.py FOLDER --scans 10
Heads with texture and noise, uint16, gzipped NIfTI, every slice usable. Drawing and packing each slice anew
would take longer than preparing it, so blocks of slices are drawn and packed once, and each scan is a header
and an order of blocks of its own, put together as the members of one gzip file (RFC 1952, section 2.2).
"""

from __future__ import annotations

import argparse
import gzip
import os
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

MATRIX, SLICES_PER_SCAN = 192, 100
# 1,600 different slices; the order of four blocks out of 64 makes 15 million different scans.
BLOCKS, BLOCK_SLICES = 64, 25
_BAND = 0.2


def make_scans(folder: Path, scans: int, slices: int = SLICES_PER_SCAN) -> None:
    """Write scans of as many subjects.

    Args:
        folder: Where `sub-00000_T1w.nii.gz` and so on go; it is made.
        scans: Number of files.
        slices: Of each, a multiple of 25.
    """
    folder.mkdir(parents=True)
    packed = [_packed(_block(number).tobytes()) for number in range(BLOCKS)]
    for number in range(scans):
        order = np.random.default_rng(number).permutation(BLOCKS)[: slices // BLOCK_SLICES]
        members = [_packed(_header(number, slices)), *(packed[block] for block in order)]
        (folder / f"sub-{number:05d}_T1w.nii.gz").write_bytes(b"".join(members))


def first_scans(folder: Path, part: Path, slices: int) -> Path:
    """Make `part` a folder of the first scans of `folder`, linked and not copied, and return it."""
    part.mkdir()
    for scan in sorted(folder.iterdir())[: slices // SLICES_PER_SCAN]:
        os.link(scan, part / scan.name)
    return part


def _block(number: int) -> NDArray[np.uint16]:
    """Slices of heads, uint16 [25, 192, 192], the first axis slowest as NIfTI has it."""
    rng = np.random.default_rng([number, BLOCKS])
    y, x = np.mgrid[-1 : 1 : MATRIX * 1j, -1 : 1 : MATRIX * 1j]
    head = (x / 0.75) ** 2 + (y / 0.9) ** 2 < 1
    frequency = np.fft.fftfreq(MATRIX)
    band = np.hypot(frequency[:, None], frequency) < _BAND
    random = rng.random((BLOCK_SLICES, MATRIX, MATRIX), np.float32)
    texture = np.abs(np.fft.ifft2(np.fft.fft2(random) * band))
    return (head * (1500 * texture + 300) + rng.rayleigh(8, random.shape)).astype("<u2")


def _header(number: int, slices: int) -> bytes:
    """A header with a description of its own, and the empty extension that follows it."""
    header = nib.Nifti1Header()
    header.set_data_dtype(np.uint16)
    header.set_data_shape((MATRIX, MATRIX, slices))
    header.set_sform(np.diag([1.2, 1.2, 4.0, 1.0]), "scanner")
    header.set_zooms((1.2, 1.2, 4.0))
    header.set_xyzt_units("mm")
    header["descrip"] = f"phantom {number}".encode()
    header["magic"], header["vox_offset"] = b"n+1", 352
    return header.binaryblock + bytes(4)


def _packed(values: bytes) -> bytes:
    """One gzip member, at nibabel's level, without a time."""
    return gzip.compress(values, 1, mtime=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scans", type=int, default=10)
    arguments = parser.parse_args()
    make_scans(arguments.folder, arguments.scans)


if __name__ == "__main__":
    main()
