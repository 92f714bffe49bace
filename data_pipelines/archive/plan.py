"""Which scans an archive holds, and the name of each one's result.

Paths come from files and folders that nobody has looked at: each must stay inside the archive, also behind
its symbolic links, and no two results may get in each other's way.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from data_pipelines.archive.paths import name_inside, printable
from data_pipelines.archive.settings import Outcome, Task
from lfsr_tf.errors import ConfigError, LfsrError, ScanError, first_line
from lfsr_tf.inference.jobs import RESULT_END, result_name
from lfsr_tf.scans import find_scans
from lfsr_tf.storage import real_path

PATH_COLUMN = "path"
# What is written for a task may have this behind the name of its target.
_WRITTEN_END = re.compile(rf"({RESULT_END}|\.json)$")


@dataclass(frozen=True)
class Plan:
    """What there is to do.

    Attributes:
        tasks: Sorted by name.
        refused: Scans that are not even looked at, with the reason.
    """

    tasks: tuple[Task, ...]
    refused: tuple[Outcome, ...]


def archive_folder(scans: Path) -> Path:
    """Folder that every scan lies in, without symbolic links on the way; `scans` as of `plan_archive`."""
    return real_path(scans if scans.is_dir() else scans.parent)


def plan_archive(scans: Path, output: Path) -> Plan:
    """Find the scans and name their results after them, in the same folders, with `_sr`.

    Args:
        scans: A folder; or a CSV file with a column `path`, relative to the file's folder, one scan a line.
        output: Folder of the results.

    Returns:
        One task a scan. Refused are paths that lead out of the archive, and scans whose results would get
        in each other's way or in the way of a scan.

    Raises:
        ConfigError: The output folder is the archive or holds it, or the file has no column `path`.
        ScanError: There are no scans.
    """
    archive = archive_folder(scans)
    if archive.is_relative_to(real_path(output)):
        raise ConfigError(
            f"Expected an output folder apart from the scans, or inside theirs. Received: {output}, which "
            f"holds them. Choose another one."
        )
    found = _in_folder(archive, output) if scans.is_dir() else _in_manifest(scans)
    named, refused = _inside(archive, sorted(set(found)))
    if not named and not refused:
        raise ScanError(f"Expected scans in {scans}. Received: none. Check the path.")
    tasks, colliding = _apart([Task(name, _target(archive, name)) for name in named])
    tasks, replacing = _beside_sources(tasks, named, archive, real_path(output))
    return Plan(tuple(tasks), (*refused, *colliding, *replacing))


def _in_folder(archive: Path, output: Path) -> list[str]:
    """Names of the scans below a folder; results of earlier runs are not taken for scans."""
    results = real_path(output)
    found = find_scans(archive, results=False)
    return [
        scan.relative_to(archive).as_posix() for scan in found if not real_path(scan).is_relative_to(results)
    ]


def _in_manifest(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            if PATH_COLUMN not in (reader.fieldnames or ()):
                raise ConfigError(
                    f"Expected a folder, or a CSV file with a column {PATH_COLUMN!r}. Received: {path} with "
                    f"{', '.join(reader.fieldnames or ('nothing in it',))}. Name the column."
                )
            return [line[PATH_COLUMN] for line in reader if line[PATH_COLUMN]]
    except FileNotFoundError as error:
        raise ScanError(
            f"Expected a folder of scans or a CSV file. Received: {path}, which is not there. Check the path."
        ) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LfsrError(f"Expected a CSV file in UTF-8. Received: {path}: {first_line(error)}.") from error


def _inside(archive: Path, names: Iterable[str]) -> tuple[list[str], list[Outcome]]:
    """Names without detours, each once, and those that lead out of the archive."""
    inside: dict[str, None] = {}
    refused = []
    for name in names:
        try:
            inside[name_inside(archive, name)] = None
        except LfsrError as error:
            refused.append(Outcome(printable(name), error=str(error)))
    return list(inside), refused


def _target(archive: Path, name: str) -> str:
    return (PurePosixPath(name).parent / result_name(archive / name)).as_posix()


def _apart(tasks: list[Task]) -> tuple[list[Task], list[Outcome]]:
    """Tasks whose results have places of their own, and the others."""
    by_target: defaultdict[str, list[str]] = defaultdict(list)
    for task in tasks:
        by_target[task.target].append(task.name)
    for task in tasks:
        # A series of the name would become a folder, with this result inside.
        for parent in PurePosixPath(task.target).parents:
            if str(parent) in by_target:
                by_target[str(parent)].append(task.name)
    in_the_way = {name: target for target, names in by_target.items() if len(names) > 1 for name in names}
    refused = [
        Outcome(
            name,
            error="Expected scans whose results do not get in each other's way. Received: "
            f"{', '.join(sorted(by_target[target]))}, which do at {target}. Rename them.",
        )
        for name, target in in_the_way.items()
    ]
    return [task for task in tasks if task.name not in in_the_way], refused


def _beside_sources(
    tasks: list[Task], named: Iterable[str], archive: Path, output: Path
) -> tuple[list[Task], list[Outcome]]:
    """Tasks whose results take no scan's place, and the others: a scan may lie among the results."""
    sources: dict[str, str] = {}
    for name in named:
        place = real_path(archive / name)
        if output in place.parents:
            inside = PurePosixPath(place.relative_to(output))
            whole = inside.parent / _WRITTEN_END.sub("", inside.name)
            sources |= dict.fromkeys(map(str, (inside, whole, *inside.parents)), name)
    refused = [
        Outcome(
            task.name,
            error=f"Expected an output other than the scans. Received: {output / task.target}, where "
            f"{sources[task.target]} is. Choose another output folder.",
        )
        for task in tasks
        if task.target in sources
    ]
    return [task for task in tasks if task.target not in sources], refused
