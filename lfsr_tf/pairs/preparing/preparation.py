"""The steps from scans to shards, whoever runs them and whatever the shards are written as.

List and hash the scans, cache their slices, split by subject, plan the shards, make them. Every step leaves
whole files in the workspace, so the next run does only what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from lfsr_tf.errors import ConfigError, LfsrError, OutOfMemoryError, OutputError, ScanError
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.preparing.jobs import Engine, Job
from lfsr_tf.pairs.preparing.listing import Listed
from lfsr_tf.pairs.preparing.plan import PlannedShard, plan_shards
from lfsr_tf.pairs.preparing.sources import SPLITS, Source, Volume, check_sources, images_of, volumes_of
from lfsr_tf.pairs.preparing.workspace import Workspace

_LABELS = ("source", "volume", "scan", "subject", "contrast", "reference", "sigma", "slices")
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], Any]]]


def silent(description: str, total: int | None) -> AbstractContextManager[Callable[[int], Any]]:
    """Progress that nobody sees."""
    return nullcontext(lambda steps: None)


@dataclass(frozen=True)
class Built:
    """What a preparation made.

    Attributes:
        sources: All scan files that were given.
        volumes: What came out of those that could be used.
        shards: The shards, all of them in the workspace.
        failed: Error messages by number of the scan file.
    """

    sources: Sequence[Source]
    volumes: Sequence[Volume]
    shards: Sequence[PlannedShard]
    failed: Mapping[int, str]

    def failures(self) -> list[dict[str, str]]:
        """Name and error of each scan that could not be used."""
        return [
            {"name": self.sources[number].name, "error": error}
            for number, error in sorted(self.failed.items())
        ]


class Preparation:
    """One run: the engine, the settings and the progress, which every step needs.

    Args:
        engine: Runs the jobs.
        config: Settings of the pairs.
        progress: Called with a description and a total; gives a context manager of a function that counts
            steps.
        strict: Stop at the first scan that cannot be used.
        shard_job: Kind of the job that writes a shard, and what it takes besides the arguments of
            `jobs.make_shard`.
    """

    def __init__(
        self,
        engine: Engine,
        config: PairsConfig,
        *,
        progress: Progress = silent,
        strict: bool = False,
        shard_job: Mapping[str, Any] | None = None,
    ) -> None:
        self._engine = engine
        self._config = config
        self._progress = progress
        self._strict = strict
        self._shard_job = dict(shard_job or {"kind": "shard"})

    def listed(self, train: Sequence[Path], validation: Sequence[Path]) -> list[Listed]:
        """All scans below the given paths, each with the side that it was given for."""
        sides = [("train" if validation else "auto", path) for path in train]
        sides += [("validation", path) for path in validation]
        jobs = [{"kind": "find", "path": str(path), "split": side} for side, path in sides]
        return [Listed(**values) for found in self._all("Finding scans", jobs) for values in found]

    def hashed(self, listed: Sequence[Listed]) -> list[Source]:
        """The same scans with the hashes of their content.

        Raises:
            ScanError: There are none.
            ConfigError: A scan is given for both sides, or twice.
        """
        if not listed:
            raise ScanError("Expected scans. Received: none.")
        names = ("name", "path", "repetitions")
        jobs = [{"kind": "hash", **{name: getattr(entry, name) for name in names}} for entry in listed]
        hashed = self._all("Hashing scans", jobs)
        sources = [Source(**asdict(entry), **found) for entry, found in zip(listed, hashed, strict=True)]
        check_sources(sources)
        return sources

    def build(self, sources: Sequence[Source], workspace: Workspace) -> Built:
        """Cache the slices and make the shards in the open workspace.

        Raises:
            ScanError: No scan could be used; with `strict`, one could not.
            ConfigError: A subject is on both sides, or the settings do not suit the scans.
            OutputError: The workspace cannot be written.
            OutOfMemoryError: A scan needs more memory than there is. What is done stays.
        """
        indices, failed = self._cache_slices(sources, workspace)
        workspace.plan(sorted(indices))
        with _failures_told(sources, failed):
            volumes = volumes_of(sources, indices, self._config)
            shards = self._plan(volumes)
        self._make_shards(shards, volumes, workspace)
        return Built(sources, volumes, shards, failed)

    def _cache_slices(
        self, sources: Sequence[Source], workspace: Workspace
    ) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
        done = workspace.cached()
        missing = [number for number in range(len(sources)) if number not in done]
        jobs = [self._scan_job(number, sources[number], workspace) for number in missing]
        failed: dict[int, str] = {}
        for job, result in self._each("Slicing scans", jobs, done=len(done)):
            number = missing[job]
            if isinstance(result, OutputError | ConfigError):
                raise result
            if isinstance(result, OutOfMemoryError):
                raise OutOfMemoryError(f"{sources[number].name}: {result}")
            if isinstance(result, LfsrError):
                failed[number] = str(result)
                if self._strict:
                    raise ScanError(f"{sources[number].name}: {result}")
            else:
                done[number] = result
        if not done:
            raise ScanError(f"None of {len(sources)} scans could be used. The first: {failed[min(failed)]}")
        return done, failed

    def _scan_job(self, number: int, source: Source, workspace: Workspace) -> Job:
        return {
            "kind": "scan",
            "folder": str(workspace.cache),
            "number": number,
            "source": asdict(source),
            "config": self._config.to_json(),
        }

    def _plan(self, volumes: list[Volume]) -> list[PlannedShard]:
        sides = {side: [volume for volume in volumes if volume.split == side] for side in SPLITS}
        return [
            shard
            for side in SPLITS
            for shard in plan_shards(images_of(sides[side], self._config), side, self._config)
        ]

    def _make_shards(
        self, shards: list[PlannedShard], volumes: Sequence[Volume], workspace: Workspace
    ) -> None:
        by_place = {(volume.source, volume.volume): _labels(volume) for volume in volumes}
        missing = [shard for shard in shards if not workspace.shard(shard.file).exists()]
        jobs = [self._job_of(shard, by_place, workspace) for shard in missing]
        for _, result in self._each("Writing shards", jobs, done=len(shards) - len(missing)):
            if isinstance(result, LfsrError):
                raise result

    def _job_of(self, shard: PlannedShard, by_place: dict[tuple[int, int], Any], workspace: Workspace) -> Job:
        places = sorted({(image.source, image.volume) for image in shard.images})
        return {
            **self._shard_job,
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

    def _each(self, description: str, jobs: list[Job], done: int = 0) -> Iterator[tuple[int, Any]]:
        answered = set()
        with self._progress(description, len(jobs) + done) as advance:
            advance(done)
            for number, result in self._engine.run(jobs):
                advance(1)
                answered.add(number)
                yield number, result
        if len(answered) < len(jobs):
            raise LfsrError(
                f"Expected word of {len(jobs)} jobs. Received: of {len(answered)}; the runner lost the "
                "others. Run it again, or on another runner."
            )


@contextmanager
def _failures_told(sources: Sequence[Source], failed: Mapping[int, str]) -> Iterator[None]:
    """Where the scans that are left do not suffice, say that there were others."""
    try:
        yield
    except ConfigError as error:
        if not failed:
            raise
        first = min(failed)
        raise ConfigError(
            f"{error} {len(failed)} of {len(sources)} scans could not be used; the first: "
            f"{sources[first].name}: {failed[first]}"
        ) from error


def _labels(volume: Volume) -> dict[str, Any]:
    """What the records of a volume say of it; a job carries no more."""
    return {name: getattr(volume, name) for name in _LABELS}


def failure_line(failures: Sequence[Mapping[str, str]], sources: int, folder: Path) -> str:
    """One line that names every scan that could not be used."""
    named = "; ".join(f"{entry['name']}: {entry['error']}" for entry in failures)
    return f"{len(failures)} of {sources} scans could not be used; the others are in {folder}. {named}"
