"""What is done already: a record beside each result says what it was made from.

The record is written last, so a result without one is not finished, whatever it looks like.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from data_pipelines.archive.paths import check_inside
from lfsr_tf.errors import LfsrError, OutputError, ScanError
from lfsr_tf.hashing import sha256_file
from lfsr_tf.placing import TEMPORARY_PREFIX, remove
from lfsr_tf.storage import read_json, write_json


def scan_hashes(source: Path, archive: Path) -> dict[str, str]:
    """SHA-256 of every file that the scan is read from, by file name.

    Args:
        source: A file, or the folder of a DICOM series; one DICOM file stands for its series.
        archive: Folder that none of them may lie outside of, nor what stands beside a DICOM file.

    Raises:
        ScanError: A file cannot be read, or is a link out of the archive.
    """
    # Imported here: it brings TensorFlow, which workers import without its notices when they load the model.
    from lfsr_tf.scans import scan_files

    try:
        for file in _looked_at(source):
            check_inside(archive, file)
        return {file.name: sha256_file(file) for file in scan_files(source)}
    except OSError as error:
        raise ScanError(
            f"Expected a scan that can be read. Received: {source} ({error.strerror or error}). "
            "Check the path and its permissions."
        ) from error


def _looked_at(source: Path) -> list[Path]:
    """The files that a scan is read from, and those of its folder that tell which ones these are."""
    from lfsr_tf.scans import is_series

    if not source.is_dir() and not is_series(source):
        return [source]
    folder = source if source.is_dir() else source.parent
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def record_path(target: Path) -> Path:
    """The record of a result; hidden, so that the output looks as if `lfsr enhance` had written it."""
    return target.with_name(f".{target.name}.done.json")


def mark_path(target: Path) -> Path:
    """The mark of a result that is being made (`claimed`); hidden, too."""
    return target.with_name(f".{target.name}.begun")


def is_done(target: Path, key: str) -> bool:
    """Whether the result is there, complete, and made from the same scan with the same model and settings.

    Args:
        target: Path of the result without its suffix.
        key: Of `ArchiveSettings.key`.
    """
    try:
        record = read_json(record_path(target))
        return bool(record["key"] == key and record["files"] == _sizes(target.parent, record["files"]))
    except (LfsrError, OSError, ValueError, KeyError, TypeError):
        return False


def remember(target: Path, key: str, written: Iterable[Path]) -> None:
    """Write the record of a result, and take away files of an earlier one that it no longer has.

    Args:
        target: Path of the result without its suffix.
        key: Of `ArchiveSettings.key`.
        written: Files and folders of the result, its sidecar among them.

    Raises:
        OutputError: The record cannot be written.
    """
    names = sorted(
        file.relative_to(target.parent).as_posix()
        for path in written
        for file in (path.rglob("*") if path.is_dir() else [path])
        if file.is_file()
    )
    for earlier in _earlier_files(target):
        if earlier not in names:
            _remove_with_folder(target.parent / earlier, target.parent)
    write_json(record_path(target), {"key": key, "files": _sizes(target.parent, names)})


@contextmanager
def claimed(target: Path) -> Iterator[None]:
    """Keep a mark beside a result while it is being made: what a killed run has left is then this command's.

    Args:
        target: Path of the result without its suffix. In the block it is made and remembered.

    Raises:
        OutputError: A result stands there that this command did not make, or nothing can.
    """
    mark = mark_path(target)
    try:
        if not (mark.exists() or record_path(target).exists()):
            if others := _results(target):
                raise OutputError(
                    f"Expected a new output. Received: {others[0]}, which this command did not make. Move "
                    "it, or choose another output folder."
                )
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
    except OSError as error:
        raise OutputError(
            f"Cannot write {target}: {error.strerror}. Choose another output folder."
        ) from error
    try:
        yield
    finally:
        _unmark(target)


def _unmark(target: Path) -> None:
    """Take the mark of a result away, unless there is something of it without a record."""
    if record_path(target).exists() or not _results(target):
        remove(mark_path(target))


def _results(target: Path) -> list[Path]:
    """What stands under names that the result may have."""
    own = re.compile(_own_names(target))
    beside = target.parent.iterdir() if target.parent.is_dir() else ()
    return sorted(path for path in beside if own.fullmatch(path.name))


def _remove_with_folder(path: Path, folder: Path) -> None:
    """Remove a file, and its own folder inside `folder` where nothing is left in it."""
    remove(path)
    if path.parent != folder and path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()


def _earlier_files(target: Path) -> list[str]:
    """Files of the last result that look like its own: the record is only a file, too."""
    try:
        names = list(read_json(record_path(target))["files"])
    except (LfsrError, KeyError, TypeError):
        return []
    return [name for name in names if re.fullmatch(_own_names(target), name)]


def remove_leftovers(target: Path) -> None:
    """Remove what a killed run has left half-written beside a result."""
    _remove_leftovers(target, target.parent.glob(f"{TEMPORARY_PREFIX}*"))


def _remove_leftovers(target: Path, candidates: Iterable[Path]) -> None:
    own = _leftovers_of(target)
    for path in candidates:
        if own.fullmatch(path.name):
            remove(path)


def tidy(output: Path, targets: Iterable[Path]) -> None:
    """Leave nothing half-written, no needless mark and no empty folder; no worker may be left.

    Args:
        output: Folder of all results.
        targets: Paths of all results of the run, without their suffixes.
    """
    by_folder: defaultdict[Path, list[Path]] = defaultdict(list)
    for target in targets:
        by_folder[target.parent].append(target)
    for folder, own in sorted(by_folder.items(), reverse=True):
        # A folder may hold many thousands of results, of which few were being made.
        leftovers = list(folder.glob(f"{TEMPORARY_PREFIX}*"))
        marks = set(folder.glob(mark_path(folder / "*").name))
        for target in own if leftovers or marks else ():
            _remove_leftovers(target, leftovers)
            if mark_path(target) in marks:
                _unmark(target)
        with suppress(OSError):  # it is missing, or holds something
            for empty in (folder, *folder.parents):
                if empty == output:
                    break
                empty.rmdir()


def _leftovers_of(target: Path) -> re.Pattern[str]:
    """Temporary names of what is written for a result, and of a series that is being replaced."""
    name, record = re.escape(target.name), re.escape(record_path(target).name)
    return re.compile(
        rf"{re.escape(TEMPORARY_PREFIX)}\d+-({_own_names(target)}|{name}(_v\d+)?\.old|{record})"
    )


def _own_names(target: Path) -> str:
    """Names that a result may have: of its sidecar, of each volume, and of its map of expected errors."""
    from lfsr_tf.inference.jobs import RESULT_END  # as above

    return rf"{re.escape(target.name)}({RESULT_END}|\.json)(/[^/.][^/]*)?"


def _sizes(folder: Path, names: Iterable[str]) -> dict[str, int]:
    return {name: (folder / name).stat().st_size for name in names}
