"""Gathering what `dataset.json` says about finished shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.dataset import DatasetInfo, Shard, Split, package_versions
from lfsr_tf.pairs.plan import PlannedShard
from lfsr_tf.pairs.sources import Source, Volume
from lfsr_tf.pairs.workspace import Workspace
from lfsr_tf.storage import sha256_file


def describe(
    workspace: Workspace,
    config: PairsConfig,
    sources: Sequence[Source],
    volumes: Sequence[Volume],
    shards: Sequence[PlannedShard],
    failed: Mapping[int, str],
) -> DatasetInfo:
    """Describe a published preparation.

    Args:
        workspace: Where its shards stand.
        config: Its settings.
        sources: All scan files that were given.
        volumes: What came out of those that could be used.
        shards: The planned shards, all of them written.
        failed: Error messages by number of the scan file.

    Returns:
        The content of `dataset.json`.
    """
    spacings = [spacing * config.scale for volume in volumes for spacing in volume.spacing_mm]
    return DatasetInfo(
        folder=workspace.output,
        config=config,
        train=_split("train", volumes, shards, workspace.output),
        validation=_split("validation", volumes, shards, workspace.output),
        sources=[_source(number, source, volumes) for number, source in enumerate(sources)],
        failed=[{"name": sources[number].name, "error": error} for number, error in sorted(failed.items())],
        spacing_mm=(min(spacings), max(spacings)),
        fingerprint=workspace.fingerprint,
        versions=package_versions(),
    )


def _split(name: str, volumes: Sequence[Volume], shards: Sequence[PlannedShard], folder: Path) -> Split:
    members = [volume for volume in volumes if volume.split == name]
    contrasts: Counter[str] = Counter()
    for volume in members:
        contrasts[volume.contrast] += len(volume.slices)
    return Split(
        shards=tuple(_shard(shard, folder) for shard in shards if shard.split == name),
        slices=contrasts.total(),
        subjects=tuple(sorted({volume.subject for volume in members})),
        contrasts=dict(sorted(contrasts.items())),
    )


def _shard(shard: PlannedShard, folder: Path) -> Shard:
    path = folder / shard.file
    return Shard(shard.file, shard.records, path.stat().st_size, sha256_file(path), shard.hr_size)


def _source(number: int, source: Source, volumes: Sequence[Volume]) -> dict[str, Any]:
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
        if volume.source == number
    ]
    return {"name": source.name, "sha256": source.sha256, "split": source.split, "volumes": found}
