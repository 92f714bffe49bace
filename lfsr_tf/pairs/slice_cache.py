"""The first half of a preparation: every scan as normalised HR slices on disk, ready for any shard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.patches import usable_positions
from lfsr_tf.pairs.slices import HrSlices, hr_slices
from lfsr_tf.pairs.sources import Source
from lfsr_tf.scans import Scan, read_volumes
from lfsr_tf.storage import atomic_path, write_json

_BATCH = 64


def index_path(folder: Path, source: int) -> Path:
    """Where the index of one scan stands. It is written last: when it is there, so are the arrays."""
    return folder / f"{source:06d}.json"


def array_path(folder: Path, source: int, volume: int) -> Path:
    """Where the slices of one volume stand: float16 [n, S, S]."""
    return folder / f"{source:06d}-{volume:04d}.npy"


def cache_scan(folder: Path, number: int, source: Source, config: PairsConfig) -> dict[str, Any]:
    """Turn one scan file into cached HR slices and their index.

    Args:
        folder: Where the cache stands.
        number: Number of the scan.
        source: The scan.
        config: Settings of the pairs.

    Returns:
        The index: a list of volumes, each with subject, contrast, reference, spacing and, for each cached
        slice, its number in the stack and its number of usable patch positions.

    Raises:
        ScanError: The scan cannot be read or gives no slices.
    """
    volumes = []
    for position, scan in enumerate(read_volumes(Path(source.path))):
        slices = hr_slices(_labelled(scan, source), config)
        images = slices.images.astype(np.float16)
        capacity = _capacities(images, config)
        kept = np.flatnonzero(capacity)
        with atomic_path(array_path(folder, number, position)) as temporary:
            np.save(temporary, images[kept], allow_pickle=False)
        volumes.append(_entry(slices, kept, capacity[kept]))
    if not any(volume["slices"] for volume in volumes):
        raise ScanError(
            f"Expected slices with at least {config.min_head_fraction:.0%} head. Received: {source.path} "
            "without any. Lower min_head_fraction or choose another plane."
        )
    index = {"volumes": volumes}
    write_json(index_path(folder, number), index)
    return index


def _labelled(scan: Scan, source: Source) -> Scan:
    """The scan with the subject and the contrast that a manifest gives it."""
    return replace(scan, subject=source.subject or scan.subject, contrast=source.contrast or scan.contrast)


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
