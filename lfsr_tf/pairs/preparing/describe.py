"""Gathering what `dataset.json` says about finished shards."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lfsr_tf.hashing import sha256_file
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.dataset import DatasetInfo, Shard, Split, package_versions
from lfsr_tf.pairs.preparing.plan import PlannedShard
from lfsr_tf.pairs.preparing.preparation import Built
from lfsr_tf.pairs.preparing.sources import Source, Volume
from lfsr_tf.pairs.preparing.workspace import Workspace


def describe(workspace: Workspace, config: PairsConfig, built: Built) -> DatasetInfo:
    """Describe a published preparation.

    Args:
        workspace: Where its shards stand.
        config: Its settings.
        built: What it made; all shards are published.

    Returns:
        The content of `dataset.json`.
    """
    return DatasetInfo(
        folder=workspace.output,
        config=config,
        train=_split("train", built, workspace.output),
        validation=_split("validation", built, workspace.output),
        sources=describe_sources(built),
        failed=built.failures(),
        spacing_mm=lr_spacing([volume for volume, _ in _used(built)], config),
        fingerprint=workspace.fingerprint,
        versions=package_versions(),
    )


def lr_spacing(volumes: Sequence[Volume], config: PairsConfig) -> tuple[float, float]:
    """Smallest and largest in-plane LR voxel size in millimetres."""
    spacings = [spacing * config.scale for volume in volumes for spacing in volume.spacing_mm]
    return min(spacings), max(spacings)


def describe_sources(built: Built) -> list[dict[str, Any]]:
    """Every scan file with its hash and what came out of it."""
    volumes: dict[int, list[Volume]] = defaultdict(list)
    for volume in built.volumes:
        volumes[volume.source].append(volume)
    return [_source(source, volumes[number]) for number, source in enumerate(built.sources)]


def _used(built: Built) -> list[tuple[Volume, int]]:
    """The volumes that records come from, each with its number of slices there: few pairs need few slices."""
    images = {(image.source, image.volume, image.row) for shard in built.shards for image in shard.images}
    slices = Counter(place[:2] for place in images)
    places = [(volume.source, volume.volume) for volume in built.volumes]
    return [(volume, slices[at]) for volume, at in zip(built.volumes, places, strict=True) if at in slices]


def _split(name: str, built: Built, folder: Path) -> Split:
    members = [(volume, slices) for volume, slices in _used(built) if volume.split == name]
    contrasts: Counter[str] = Counter()
    for volume, slices in members:
        contrasts[volume.contrast] += slices
    return Split(
        shards=tuple(_shard(shard, folder) for shard in built.shards if shard.split == name),
        slices=contrasts.total(),
        subjects=tuple(sorted({volume.subject for volume, _ in members})),
        contrasts=dict(sorted(contrasts.items())),
    )


def _shard(shard: PlannedShard, folder: Path) -> Shard:
    path = folder / shard.file
    return Shard(shard.file, shard.records, path.stat().st_size, sha256_file(path), shard.hr_size)


def _source(source: Source, volumes: Sequence[Volume]) -> dict[str, Any]:
    found = [
        {
            "split": volume.split,
            "subject": volume.subject,
            "contrast": volume.contrast,
            "reference": volume.reference,
            "hr_size": volume.hr_size,
            "hr_spacing_mm": list(volume.spacing_mm),
            "affine": [list(row) for row in volume.affine],
            "slices": list(volume.slices),
        }
        for volume in volumes
    ]
    return {"name": source.name, "sha256": source.sha256, "split": source.split, "volumes": found}
