"""The scans of a preparation and the volumes in them, each on its side of the split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lfsr_tf.errors import ConfigError
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.preparing.listing import Listed
from lfsr_tf.pairs.preparing.plan import PlannedImage, slice_key
from lfsr_tf.pairs.preparing.splits import (
    check_disjoint,
    is_guessed,
    sides_of_subjects,
    warn_of_names_alike,
)

SPLITS = ("train", "validation")


@dataclass(frozen=True)
class Source(Listed):
    """A listed scan whose content is known by its hash.

    Attributes:
        sha256: Of the file, of a series folder's names and files, or of all repetitions. Of a scan that
            cannot be read, one that its name alone decides.
        fault: Why it cannot be read; empty where it can.
    """

    sha256: str = field(kw_only=True)
    fault: str = ""


@dataclass(frozen=True)
class Volume:
    """The cached slices of one volume.

    Attributes:
        source: Number of the scan file.
        volume: Number of the volume in it.
        scan: The scan file's name.
        scan_hash: The scan file's SHA-256. Noise is keyed by it and by the subject: a renamed file keeps its
            noise, unless the subject comes from the name.
        split: "train" or "validation".
        subject: Identifier of the person.
        contrast: For example "T1w".
        reference: Reference intensity in the scan's own units.
        hr_size: Side of the HR slices in pixels.
        spacing_mm: HR voxel sizes along H and W.
        affine: Of the resampled volume, row by row.
        slices: Number of each cached slice in the scan's stack.
        capacity: Number of usable patch positions of each cached slice.
        sigma: Measured noise of the LR images, in units of `reference`; 0 where noise is simulated.
    """

    source: int
    volume: int
    scan: str
    scan_hash: str
    split: str
    subject: str
    contrast: str
    reference: float
    hr_size: int
    spacing_mm: Sequence[float]
    affine: Sequence[Sequence[float]]
    slices: Sequence[int]
    capacity: Sequence[int]
    sigma: float = 0.0


def check_sources(sources: Iterable[Source]) -> None:
    """Refuse a scan, under whatever name, that is given for both sides, or twice as of one subject.

    Where only the file says who it shows, `volumes_of` looks again.

    Raises:
        ConfigError: Two equal files are on different sides, or of one subject.
    """
    # Of what cannot be read nobody knows whether it is equal.
    sources = [source for source in sources if not source.fault]
    _check_scans((source.sha256, source.name, source.split) for source in sources)
    _check_once((source.sha256, source.subject or source.path, source.name) for source in sources)


def _check_once(scans: Iterable[tuple[str, str, str]]) -> None:
    """Of each scan hash, subject and name. Noise is keyed by the first two: records would be equal."""
    names: dict[tuple[str, str], str] = {}
    for scan_hash, subject, name in scans:
        if (scan_hash, subject) in names:
            raise ConfigError(
                f"Expected every scan once. Received: {names[scan_hash, subject]} and {name}, which are "
                "equal and of one subject. Remove one."
            )
        names[scan_hash, subject] = name


def _check_scans(scans: Iterable[tuple[str, str, str]]) -> None:
    """Of each scan hash, name and side."""
    scans = list(scans)
    names = {scan_hash: name for scan_hash, name, _ in scans}
    train, validation = ({scan_hash for scan_hash, _, split in scans if split == side} for side in SPLITS)
    # By hash: different scans may have one name below the two folders.
    both = {names[scan_hash] for scan_hash in train & validation}
    check_disjoint(dict.fromkeys(SPLITS, both), "scan")


def volumes_of(
    sources: Sequence[Source], indices: Mapping[int, dict[str, Any]], config: PairsConfig
) -> list[Volume]:
    """All cached volumes with their split.

    Args:
        sources: All scan files.
        indices: For each number of a scan that could be used, its index (`slice_cache.cache_scan`).
        config: Decides the split where none was named.

    Returns:
        The volumes, in the order of the sources.

    Raises:
        ConfigError: A subject, or a scan under two names, is on both sides; a scan is there twice as of one
            subject; or a side is empty.
    """
    volumes = _sided(sources, indices, config)
    subjects = {side: {volume.subject for volume in volumes if volume.split == side} for side in SPLITS}
    check_disjoint(subjects, "subject")
    _check_scans((volume.scan_hash, volume.scan, volume.split) for volume in volumes)
    _check_once((volume.scan_hash, volume.subject, volume.scan) for volume in volumes if not volume.volume)
    _check_sides(sources, volumes, config)
    _check_sizes(volumes, config)
    warn_of_names_alike(_guessed(sources, volumes))
    return volumes


def _sided(
    sources: Sequence[Source], indices: Mapping[int, dict[str, Any]], config: PairsConfig
) -> list[Volume]:
    found = [
        (number, position, values)
        for number, index in sorted(indices.items())
        for position, values in enumerate(index["volumes"])
    ]
    # Of those alone whose side is to be found: no other spelling may move them.
    automatic = (values["subject"] for number, _, values in found if sources[number].split == "auto")
    sides = sides_of_subjects(automatic, config.validation_fraction)
    volumes = []
    for number, position, values in found:
        source = sources[number]
        split = sides[values["subject"]] if source.split == "auto" else source.split
        volumes.append(Volume(number, position, source.name, source.sha256, split, **values))
    return volumes


def _check_sides(sources: Sequence[Source], volumes: Sequence[Volume], config: PairsConfig) -> None:
    """Refuse a side without anyone, unless that is validation and nobody asked for it."""
    wanted = any(source.split == "validation" for source in sources) or config.validation_fraction > 0.0
    filled = {volume.split for volume in volumes}
    for side in SPLITS if wanted else SPLITS[:1]:
        if side not in filled:
            received, remedy = _who_is_there(sources, volumes)
            raise ConfigError(
                f"Expected subjects on both sides. Received: {received}, none of them for {side}. {remedy}, "
                "or change validation_fraction (0 for no validation)."
            )


def _who_is_there(sources: Sequence[Source], volumes: Sequence[Volume]) -> tuple[str, str]:
    """The people of all scans and what may bring others to the empty side, in words for a message."""
    subjects = sorted({volume.subject for volume in volumes})
    scans = {volume.source for volume in volumes}
    told_by_scans = all(sources[number].split == "auto" and not sources[number].subject for number in scans)
    if not told_by_scans or len(subjects) > 1 or len(scans) == 1:
        return ", ".join(subjects), "Name validation scans"
    told = ", as far as their names tell" if any(_guessed(sources, volumes).values()) else ""
    return (
        f"all {len(scans)} scans are of one subject, {subjects[0]}{told}",
        "Name each scan's person in a manifest with a column subject, name validation scans",
    )


def _guessed(sources: Sequence[Source], volumes: Sequence[Volume]) -> dict[str, set[str]]:
    """The subjects on each side whom a hash put there and nothing but names of files tells apart."""
    sides: dict[str, set[str]] = {side: set() for side in SPLITS}
    for volume in volumes:
        source = sources[volume.source]
        if source.split == "auto" and not source.subject and is_guessed(volume.subject, source.path):
            sides[volume.split].add(volume.subject)
    return sides


def _check_sizes(volumes: Sequence[Volume], config: PairsConfig) -> None:
    sizes = sorted({volume.hr_size for volume in volumes})
    if not config.lr_patch and len(sizes) > 1:
        raise ConfigError(
            f"Expected slices of one size for whole-slice records (lr_patch=0). Received: sides of {sizes} "
            "pixels. Choose a patch size, or small_images='refuse'."
        )


def images_of(volumes: Iterable[Volume], config: PairsConfig) -> list[PlannedImage]:
    """Every slice of the volumes, once for each noise copy, with its random key."""
    return [
        PlannedImage(
            source=volume.source,
            volume=volume.volume,
            row=row,
            hr_size=volume.hr_size,
            copy=copy,
            key=slice_key(config.seed, volume.subject, f"{volume.scan_hash}#{volume.volume}", number, copy),
            capacity=volume.capacity[row],
        )
        for volume in volumes
        for row, number in enumerate(volume.slices)
        for copy in range(config.noise_copies)
    ]
