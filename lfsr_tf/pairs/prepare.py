"""Scans to a folder of TFRecord shards: finds the scans, splits by subject, and directs the worker processes.

This process never imports TensorFlow: the workers do the work, so it starts at once and needs little memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, astuple
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lfsr_tf.errors import ConfigError, LfsrError, OutputError, ScanError
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.dataset import DatasetInfo, fingerprint, open_dataset, write_description
from lfsr_tf.pairs.describe import describe
from lfsr_tf.pairs.plan import PlannedShard, plan_shards
from lfsr_tf.pairs.pool import Job, WorkerPool
from lfsr_tf.pairs.sources import SPLITS, Source, Volume, check_sources, images_of, volumes_of
from lfsr_tf.pairs.workspace import Workspace, exclusive
from lfsr_tf.storage import read_json

Paths = Path | str | Sequence[Path | str]
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], Any]]]


def silent(description: str, total: int | None) -> AbstractContextManager[Callable[[int], Any]]:
    """Progress that nobody sees."""
    return nullcontext(lambda steps: None)


def prepare_dataset(
    train_sources: Paths,
    validation_sources: Paths | None,
    output: Path | str,
    config: PairsConfig,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> DatasetInfo:
    """Make TFRecord shards of LR/HR pairs (or of HR slices) from scans.

    A run that was killed is continued by the next one with the same arguments. The bytes depend on the scans,
    the settings and the versions of lfsr_tf and TensorFlow alone, not on the number of workers.

    Args:
        train_sources: A scan, a folder of scans, or several of either.
        validation_sources: The same, of other subjects. None: a stable hash of the subject's name decides.
        output: Folder of the records; it may hold an unfinished run of the same preparation.
        config: Settings of the pairs.
        workers: Processes, each of about 0.7 GB of memory; None for one a core.
        overwrite: Replace records of other settings or scans in `output`.
        progress: Called with a description and a total; gives a context manager of a function that counts
            steps.

    Returns:
        What `dataset.json` says.

    Raises:
        ScanError: Some scans could not be used; all others are in the records, which are complete.
        ConfigError: A subject is on both sides, or the settings do not suit the scans or an older run.
        OutputError: The records cannot be written.
    """
    output, train, validation = Path(output), _paths(train_sources), _paths(validation_sources)
    with (
        exclusive(output),
        TemporaryDirectory(prefix="lfsr-") as logs,
        WorkerPool(_count(workers), Path(logs)) as pool,
    ):
        run = _Preparation(pool, progress, config)
        sources = run.find(train, validation)
        workspace = Workspace(output, fingerprint(config, [asdict(source) for source in sources]))
        if not workspace.is_complete():
            workspace.open(overwrite=overwrite)
            with workspace.discarded_on_refusal(), pool.stopped_on_error():
                run.build(sources, workspace)
    info = open_dataset(output)
    _raise_failures(info)
    return info


class _Preparation:
    """One run: the workers, the progress and the settings, which every step needs."""

    def __init__(self, pool: WorkerPool, progress: Progress, config: PairsConfig) -> None:
        self._pool = pool
        self._progress = progress
        self._config = config

    def find(self, train: list[Path], validation: list[Path]) -> list[Source]:
        """All scans with their hashes."""
        sides = [("train" if validation else "auto", path) for path in train]
        sides += [("validation", path) for path in validation]
        listed = self._all("Finding scans", [{"kind": "find", "path": str(path)} for _, path in sides])
        found = [
            (side, name, path) for (side, _), scans in zip(sides, listed, strict=True) for name, path in scans
        ]
        hashes = self._all("Hashing scans", [{"kind": "hash", "path": path} for _, _, path in found])
        sources = [
            Source(name, path, sha, side) for (side, name, path), sha in zip(found, hashes, strict=True)
        ]
        check_sources(sources)
        return sources

    def build(self, sources: list[Source], workspace: Workspace) -> None:
        """Cache the slices, make the shards, publish them."""
        indices, failed = self._cache_slices(sources, workspace)
        volumes = volumes_of(sources, indices, self._config)
        shards = self._plan(volumes)
        self._make_shards(shards, volumes, workspace)
        files = [shard.file for shard in shards]
        workspace.publish(files)
        write_description(describe(workspace, self._config, sources, volumes, shards, failed))
        workspace.close()

    def _cache_slices(
        self, sources: list[Source], workspace: Workspace
    ) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
        done = {int(path.stem): read_json(path) for path in workspace.cache.glob("*.json")}
        missing = [number for number in range(len(sources)) if number not in done]
        config, folder = self._config.to_json(), str(workspace.cache)
        jobs = [
            {
                "kind": "scan",
                "folder": folder,
                "source": number,
                "path": sources[number].path,
                "config": config,
            }
            for number in missing
        ]
        failed: dict[int, str] = {}
        for job, result in self._each("Slicing scans", jobs, done=len(done)):
            if isinstance(result, OutputError | ConfigError):
                raise result
            if isinstance(result, LfsrError):
                failed[missing[job]] = str(result)
            else:
                done[missing[job]] = result
        if not done:
            raise ScanError(f"None of {len(sources)} scans could be used. The first: {failed[min(failed)]}")
        return done, failed

    def _plan(self, volumes: list[Volume]) -> list[PlannedShard]:
        sides = {side: [volume for volume in volumes if volume.split == side] for side in SPLITS}
        return [
            shard
            for side in SPLITS
            for shard in plan_shards(images_of(sides[side], self._config), side, self._config)
        ]

    def _make_shards(self, shards: list[PlannedShard], volumes: list[Volume], workspace: Workspace) -> None:
        by_place = {(volume.source, volume.volume): asdict(volume) for volume in volumes}
        missing = [shard for shard in shards if not workspace.shard(shard.file).exists()]
        jobs = [self._shard_job(shard, by_place, workspace) for shard in missing]
        for _, result in self._each("Writing shards", jobs, done=len(shards) - len(missing)):
            if isinstance(result, LfsrError):
                raise result

    def _shard_job(
        self, shard: PlannedShard, by_place: dict[tuple[int, int], Any], workspace: Workspace
    ) -> Job:
        places = sorted({(image.source, image.volume) for image in shard.images})
        return {
            "kind": "shard",
            "target": str(workspace.shards / shard.file),
            "cache": str(workspace.cache),
            "images": [astuple(image) for image in shard.images],
            "volumes": [by_place[place] for place in places],
            "config": self._config.to_json(),
        }

    def _all(self, description: str, jobs: list[Job]) -> list[Any]:
        """The results of all jobs in their order; the first error ends the preparation."""
        results: list[Any] = [None] * len(jobs)
        for number, result in self._each(description, jobs):
            if isinstance(result, LfsrError):
                raise result
            results[number] = result
        return results

    def _each(self, description: str, jobs: list[Job], done: int = 0) -> Any:
        with self._progress(description, len(jobs) + done) as advance:
            advance(done)
            for number, result in self._pool.run(jobs):
                advance(1)
                yield number, result


def _paths(given: Paths | None) -> list[Path]:
    paths = [given] if isinstance(given, Path | str) else given or []
    for path in paths:
        if not Path(path).exists():
            raise ScanError(f"Expected a scan or a folder of scans. Received: {path}, which does not exist.")
    return [Path(path) for path in paths]


def _count(workers: int | None) -> int:
    if workers is not None and workers < 1:
        raise ConfigError(f"Expected at least 1 worker. Received: {workers}.")
    return workers or len(os.sched_getaffinity(0))


def _raise_failures(info: DatasetInfo) -> None:
    if info.failed:
        named = "; ".join(f"{entry['name']}: {entry['error']}" for entry in info.failed)
        raise ScanError(
            f"{len(info.failed)} of {len(info.sources)} scans could not be used; the others are in "
            f"{info.folder}. {named}"
        )
