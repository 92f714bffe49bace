"""The first half of a preparation: every scan as normalised HR slices on disk, ready for any shard."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.patches import usable_positions
from lfsr_tf.pairs.slices import HrSlices, hr_slices
from lfsr_tf.scans import find_scans, read_volumes
from lfsr_tf.storage import atomic_path, sha256_file, write_json

_BATCH = 64


def list_sources(path: Path) -> list[tuple[str, Path]]:
    """The scans that a path stands for: a file, a DICOM series folder, or all scans below a folder.

    Returns:
        Pairs of name and path. The name is relative to `path`, so that a folder that moves keeps its random
        keys.

    Raises:
        ScanError: There is no scan below the path.
    """
    found = sorted(find_scans(path)) if path.is_dir() else [path]
    if not found:
        raise ScanError(f"Expected scans below {path}. Found none that a reader knows.")
    return [(scan.relative_to(path).as_posix() if scan != path else path.name, scan) for scan in found]


def hash_source(path: Path) -> str:
    """SHA-256 of a scan file, or of all names and files of a series folder."""
    if path.is_file():
        return sha256_file(path)
    digest = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(path).as_posix()}\0{sha256_file(file)}\0".encode())
    return digest.hexdigest()


def index_path(folder: Path, source: int) -> Path:
    """Where the index of one scan stands. It is written last: when it is there, so are the arrays."""
    return folder / f"{source:06d}.json"


def array_path(folder: Path, source: int, volume: int) -> Path:
    """Where the slices of one volume stand: float16 [n, S, S]."""
    return folder / f"{source:06d}-{volume:04d}.npy"


def cache_scan(folder: Path, source: int, path: Path, config: PairsConfig) -> dict[str, Any]:
    """Turn one scan file into cached HR slices and their index.

    Args:
        folder: Where the cache stands.
        source: Number of the scan.
        path: The scan.
        config: Settings of the pairs.

    Returns:
        The index: a list of volumes, each with subject, contrast, reference, spacing and, for each cached
        slice, its number in the stack and its number of usable patch positions.

    Raises:
        ScanError: The scan cannot be read or gives no slices.
    """
    volumes = []
    for number, scan in enumerate(read_volumes(path)):
        slices = hr_slices(scan, config)
        images = slices.images.astype(np.float16)
        capacity = _capacities(images, config)
        kept = np.flatnonzero(capacity)
        with atomic_path(array_path(folder, source, number)) as temporary:
            np.save(temporary, images[kept], allow_pickle=False)
        volumes.append(_entry(slices, kept, capacity[kept]))
    if not any(volume["slices"] for volume in volumes):
        raise ScanError(
            f"Expected slices with at least {config.min_head_fraction:.0%} head. Received: {path} without "
            "any. Lower min_head_fraction or choose another plane."
        )
    index = {"volumes": volumes}
    write_json(index_path(folder, source), index)
    return index


def _entry(slices: HrSlices, kept: NDArray[np.int64], capacity: NDArray[np.int64]) -> dict[str, Any]:
    return {
        "subject": slices.subject,
        "contrast": slices.contrast,
        "reference": slices.reference,
        "hr_size": int(slices.images.shape[1]),
        "spacing_mm": list(slices.spacing_mm),
        "affine": slices.affine.tolist(),
        "slices": slices.indices[kept].tolist(),
        "capacity": capacity.tolist(),
    }


def _capacities(images: NDArray[np.float16], config: PairsConfig) -> NDArray[np.int64]:
    if not config.lr_patch:
        return np.ones(len(images), np.int64)
    counts = [np.zeros(0, np.int64)]
    for start in range(0, len(images), _BATCH):
        usable = usable_positions(tf.cast(images[start : start + _BATCH], tf.float32), config)
        counts.append(tf.math.count_nonzero(usable, axis=(1, 2)).numpy())
    return np.concatenate(counts)
