"""The first half of a preparation: every scan as normalised HR slices on disk, ready for any shard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.patches import usable_positions
from lfsr_tf.pairs.preparing.listing import hash_scan
from lfsr_tf.pairs.preparing.repetitions import Measured, average, measure, read_repetitions
from lfsr_tf.pairs.preparing.sources import Source
from lfsr_tf.pairs.preparing.workspace import array_path, index_path, measured_path
from lfsr_tf.pairs.slices import HrSlices, hr_slices
from lfsr_tf.scans import Scan, read_volumes
from lfsr_tf.storage import atomic_path, write_json

_BATCH = 64
# Half of what float16 holds: ringing beside edges takes LR, which is kept as float16 too, beyond HR.
_LARGEST = float(np.finfo(np.float16).max) / 2


def cache_scan(folder: Path, number: int, source: Source, config: PairsConfig) -> dict[str, Any]:
    """Turn one scan file into cached HR slices and their index.

    Args:
        folder: Where the cache stands.
        number: Number of the scan.
        source: The scan.
        config: Settings of the pairs.

    Returns:
        The index: a list of volumes, each with subject, contrast, reference, spacing and, for each cached
        slice, its number in the stack and its number of usable patch positions; with measured noise its
        sigma.

    Raises:
        ScanError: The scan cannot be read, gives no slices or is no longer what was hashed, or its
            repetitions do not belong together.
    """
    volumes = []
    for position, (scan, measured) in enumerate(_volumes(source, config)):
        slices = hr_slices(_labelled(scan, source), config)
        images = _float16(slices.images, source)
        capacity = _capacities(images, config)
        kept = np.flatnonzero(capacity)
        _save(array_path(folder, number, position), images[kept])
        volumes.append(_entry(slices, kept, capacity[kept]))
        if measured is not None:
            low = _float16(measured.images[slices.indices[kept]] / np.float32(slices.reference), source)
            _save(measured_path(folder, number, position), low)
            volumes[-1]["sigma"] = measured.sigma / slices.reference
    if not any(volume["slices"] for volume in volumes):
        raise ScanError(
            f"Expected slices with at least {config.min_head_fraction:.0%} head. Received: {source.path} "
            "without any. Lower min_head_fraction or choose another plane."
        )
    _check_unchanged(source)
    index = {"volumes": volumes}
    write_json(index_path(folder, number), index)
    return index


def _check_unchanged(source: Source) -> None:
    """Refuse a scan that changed between its hash and now: records name it, and key its noise, by that hash.

    Hashing again takes a hundredth of the time of slicing, and tells more than times and sizes of files do.
    """
    try:
        now = hash_scan(Path(source.path), [Path(other) for other in source.repetitions])
    except OSError:
        now = ""
    if now != source.sha256:
        raise ScanError(
            f"Expected a scan that stays as it is while it is prepared. Received: {source.path}, which "
            "changed after it was hashed. Prepare it again once it is complete."
        )


def _volumes(source: Source, config: PairsConfig) -> Iterator[tuple[Scan, Measured | None]]:
    """The volumes that HR comes from, with what was measured at low resolution where that is LR."""
    measured = config.pairing == "repetitions"
    if not source.repetitions and not measured:
        yield from ((scan, None) for scan in read_volumes(Path(source.path)))
        return
    scans = read_repetitions([source.path, *source.repetitions])
    yield (average(scans[1:]), measure(scans, config)) if measured else (average(scans), None)


def _float16(images: NDArray[np.float32], source: Source) -> NDArray[np.float16]:
    """Slices as the cache keeps them; a voxel far above everything else does not fit."""
    largest = images.max(initial=0.0)
    if not largest <= _LARGEST:
        raise ScanError(
            f"Expected voxels of at most {_LARGEST:g} times the 99.9th percentile. Received: {source.path} "
            f"with {largest:.3g} times it. Remove the outlier."
        )
    return images.astype(np.float16)


def _save(path: Path, images: NDArray[np.float16]) -> None:
    with atomic_path(path) as temporary:
        np.save(temporary, images, allow_pickle=False)


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
