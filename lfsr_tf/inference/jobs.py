"""What is to be enhanced: which scan, under which name, and what is there of earlier runs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from lfsr_tf.errors import ConfigError, ScanError
from lfsr_tf.scans.enhanced import (
    ERROR_MAP,
    is_result,
    recorded_error_maps,
    recorded_outputs,
    scan_stem,
    sidecar_of,
)
from lfsr_tf.scans.nifti import is_nifti
from lfsr_tf.storage import real_path

RESULT_END = rf"(_v\d+)?({ERROR_MAP})?((?i:\.nii(\.gz)?))?"
"""What the name of a result, or of its map of expected errors, may have after its target's: a pattern."""


@dataclass(frozen=True)
class Job:
    """One input and where its result goes.

    Attributes:
        source: A file, or the folder of a DICOM series.
        target: Path of the result without its suffix; of a series, the volumes' numbers are added to it.
        suffix: Of NIfTI output.
        namesakes: The batch's other inputs whose results would get the same name: none of them is enhanced.
        kept: Where the batch's inputs are, and the folders that they lie in: none of these is replaced.
    """

    source: Path
    target: Path
    suffix: str = ".nii.gz"
    namesakes: tuple[Path, ...] = ()
    kept: frozenset[Path] = frozenset()

    @property
    def sidecar(self) -> Path:
        """The JSON file beside the result."""
        return sidecar_of(self.target)

    def keeps(self, path: Path) -> bool:
        """Whether a path is an input of the batch, or a folder that one lies in."""
        place = real_path(path)
        return place in self.kept or place in _places(self.source)


def plan_jobs(
    sources: Iterable[tuple[Path, Path]], output: Path, *, named: Collection[Path] = ()
) -> list[Job]:
    """Name the results of many inputs.

    Args:
        sources: Each input with the folder that it was found in; the folders below that one are kept in the
            output.
        output: A folder; or, for a single input, the name of a NIfTI file.
        named: Those of the inputs that are wanted by name, whatever they are.

    Returns:
        One job an input; the results are named after the inputs with `_sr`. Inputs that were found, not
        named, and are results of an earlier run are left out.

    Raises:
        ScanError: All inputs are left out.
        ConfigError: A file name was given for several inputs.
    """
    wanted = {place for path in named for place in _places(path)}
    jobs = [
        _job(source, base, output)
        for source, base in sources
        if real_path(source) in wanted or not is_result(source)
    ]
    if not jobs:
        raise ScanError("Expected scans. Received: results of earlier runs alone. Name one to enhance it.")
    if is_nifti(output) and len(jobs) != 1:
        raise ConfigError(f"Expected an output folder for {len(jobs)} scans. Received: the file {output}.")
    kept = frozenset(place for job in jobs for place in _places(job.source))
    by_target: defaultdict[Path, list[Path]] = defaultdict(list)
    for job in jobs:
        by_target[job.target].append(job.source)
    return [
        replace(job, kept=kept, namesakes=tuple(path for path in by_target[job.target] if path != job.source))
        for job in jobs
    ]


def earlier_results(job: Job) -> list[Path]:
    """Results that the sidecar of an earlier run on the input tells of, whether they are there or not."""
    return _own(job, recorded_outputs(job.sidecar))


def earlier_files(job: Job) -> list[Path]:
    """These results, and the maps of expected errors beside them."""
    return [*earlier_results(job), *_own(job, recorded_error_maps(job.sidecar))]


def _own(job: Job, names: Iterable[str]) -> list[Path]:
    # No path from a file is trusted: only names that results of this job may have.
    own = re.compile(re.escape(job.target.name) + RESULT_END)
    return [job.target.with_name(name) for name in names if own.fullmatch(name)]


def result_name(source: Path) -> str:
    """Name of a scan's result, without its suffix.

    Args:
        source: A file, or the folder of a DICOM series.
    """
    return f"{scan_stem(source)}_sr"


def _job(source: Path, base: Path, output: Path) -> Job:
    if is_nifti(output):
        stem = scan_stem(output)
        return Job(source, output.with_name(stem), suffix=output.name[len(stem) :])
    return Job(source, output / source.parent.relative_to(base) / result_name(source))


def _places(source: Path) -> tuple[Path, Path]:
    """Where an input is, and the folder that it lies in: of a file of a DICOM series, the whole series'."""
    place = real_path(source)
    return place, place.parent
