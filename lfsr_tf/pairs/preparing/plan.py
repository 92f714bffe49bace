"""Which slice goes into which shard and how many patches it gives: the same for any number of workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.errors import ConfigError
from lfsr_tf.hashing import stable_seed
from lfsr_tf.pairs.config import PairsConfig

_FLOAT16_BYTES = 2


@dataclass(frozen=True, slots=True)
class PlannedImage:
    """One slice, or one noise copy of it, that goes into the records.

    Attributes:
        source: Number of the scan file.
        volume: Number of the volume in that file.
        row: Place of the slice in the volume's cached array.
        hr_size: Side of the slice in pixels.
        copy: Number of the noise copy.
        key: Its random key (`slice_key`).
        capacity: Number of usable patch positions.
        records: Number of records it gives.
    """

    source: int
    volume: int
    row: int
    hr_size: int
    copy: int
    key: int
    capacity: int
    records: int = 0


@dataclass(frozen=True)
class PlannedShard:
    """One file of records and the images that it is made from."""

    file: str
    split: str
    hr_size: int
    images: tuple[PlannedImage, ...]

    @property
    def records(self) -> int:
        """Number of records."""
        return sum(image.records for image in self.images)


def slice_key(seed: int, subject: str, scan: str, slice_index: int, copy: int = 0) -> int:
    """The random key of one slice (and of one of its noise copies), a signed 64-bit integer."""
    low, high = stable_seed(seed, subject, scan, slice_index, copy)
    return (high << 32) | (low & 0xFFFFFFFF)


def allocate(capacities: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
    """Spread `wanted` patches over images as evenly as their capacities allow; the first images get the rest.

    Args:
        capacities: int64 [n], patches that each image can give.
        wanted: Total number.

    Returns:
        int64 [n] that sums to `wanted`.

    Raises:
        ConfigError: All images together cannot give so many.
    """
    if capacities.sum() < wanted:
        raise ConfigError(
            f"Expected at most {capacities.sum()} pairs, all different, from these slices. Received: "
            f"{wanted}. Add scans, raise noise_copies, or lower min_patch_head."
        )
    low, high = 0, int(capacities.max(initial=0))
    while low < high:  # the largest level that does not exceed the total
        level = (low + high + 1) // 2
        low, high = (level, high) if np.minimum(capacities, level).sum() <= wanted else (low, level - 1)
    counts = np.minimum(capacities, low)
    spare = np.flatnonzero(capacities > low)
    counts[spare[: wanted - counts.sum()]] += 1
    return counts


def plan_shards(images: Sequence[PlannedImage], split: str, config: PairsConfig) -> list[PlannedShard]:
    """Distribute the images of one side over shards.

    Images are ordered by their random key, which is a stable shuffle, and no shard mixes slice sizes.

    Args:
        images: The images, without their number of records.
        split: "train" or "validation".
        config: Mode, patch counts, shard size.

    Returns:
        Shards of nearly equal size, named `pairs-train-00000-of-00064.tfrecord.gz` and so on.
    """
    ordered = sorted(images, key=lambda image: (image.key, image.source, image.volume, image.row))
    counted = [
        replace(image, records=int(count))
        for image, count in zip(ordered, _records(ordered, split, config), strict=True)
    ]
    groups = [
        (size, part)
        for size in sorted({image.hr_size for image in counted})
        for part in _cut(counted, size, config)
    ]
    return [
        PlannedShard(
            f"{config.mode}-{split}-{number:05d}-of-{len(groups):05d}.tfrecord.gz", split, size, tuple(part)
        )
        for number, (size, part) in enumerate(groups)
    ]


def _records(images: Sequence[PlannedImage], split: str, config: PairsConfig) -> NDArray[np.int64]:
    if config.mode == "slices":
        return np.ones(len(images), np.int64)
    capacities = np.array([image.capacity for image in images], np.int64)
    wanted = config.train_pairs if split == "train" else config.validation_pairs
    if wanted:
        return allocate(capacities, wanted)
    return np.minimum(capacities, config.patches_per_slice)


def _cut(images: Sequence[PlannedImage], hr_size: int, config: PairsConfig) -> Iterator[list[PlannedImage]]:
    members = [image for image in images if image.hr_size == hr_size and image.records]
    if not members:
        return
    ends = np.cumsum([image.records for image in members])
    shards = -(-int(ends[-1]) * record_bytes(hr_size, config) // (config.shard_mebibytes << 20))
    limits = np.searchsorted(ends, np.linspace(0, ends[-1], shards + 1)[1:-1])
    for part in np.split(np.arange(len(members)), limits):
        if len(part):
            yield [members[index] for index in part]


def record_bytes(hr_size: int, config: PairsConfig) -> int:
    """Bytes of the images of one record."""
    hr = hr_size if config.mode == "slices" else (config.hr_patch or hr_size)
    lr = 0 if config.mode == "slices" else hr // config.scale
    return _FLOAT16_BYTES * (hr**2 + lr**2)
