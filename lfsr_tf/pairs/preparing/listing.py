"""Which scans a preparation takes: a file, a DICOM series, all scans below a folder, or a manifest."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lfsr_tf.errors import ScanError
from lfsr_tf.hashing import sha256_file
from lfsr_tf.storage import exists, name_bytes, real_path

MANIFEST_SUFFIX = ".csv"
_SPLITS = ("train", "validation", "auto")
_COLUMNS = ("path", "split", "subject", "contrast")
# M4Raw's names: the person, the contrast, and the number of the repetition.
_REPETITION = re.compile(r"((?P<subject>\d+)_(?:T1|T2|FLAIR))(?P<number>0[1-9])\.(?:h5|hdf5)")


@dataclass(frozen=True)
class Listed:
    """A scan that was found, before anything of it was read.

    Attributes:
        name: Its path below the folder that was given, so that a folder that moves keeps its random keys.
        path: Where it stands.
        split: "train", "validation", or "auto" where a hash of the subject decides.
        subject: Identifier of the person; empty: the file itself says.
        contrast: For example "T1w"; empty: the file itself says.
        repetitions: Where the other repetitions of the same acquisition stand.
    """

    name: str
    path: str
    split: str = "auto"
    subject: str = ""
    contrast: str = ""
    repetitions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """JSON, in which entries travel between processes, has lists only."""
        object.__setattr__(self, "repetitions", tuple(self.repetitions))


def list_scans(path: Path, split: str = "auto") -> list[Listed]:
    """The scans that a path stands for, in the order of their names; repetitions are one (`repetitions_of`).

    Args:
        path: A scan, a DICOM series folder, a folder with scans at any depth (`find_scans`, but for results
            of enhancement), or a manifest: a CSV file with a column `path`, relative to its own folder, and,
            where wanted, `split`, `subject` and `contrast`.
        split: The side that all of them belong to; a manifest's own column comes before "auto".

    Raises:
        ScanError: There is no scan below the path, or the manifest cannot be followed.
    """
    if path.suffix.lower() == MANIFEST_SUFFIX and path.is_file():
        return repetitions_of(_sided(listed, split, path) for listed in _read_manifest(path))
    # The readers bring TensorFlow, which whoever directs a preparation does without.
    from lfsr_tf.scans import find_scans

    found = find_scans(path, results=False) if path.is_dir() else [path]
    if not found:
        raise ScanError(
            f"Expected scans below {path}. Found none that a reader knows; phases, masks and results of "
            "`lfsr enhance` do not count."
        )
    names = [scan.relative_to(path).as_posix() if scan != path else path.name for scan in found]
    return repetitions_of(Listed(name, str(scan), split) for name, scan in zip(names, found, strict=True))


def repetitions_of(listed: Iterable[Listed]) -> list[Listed]:
    """Make one entry of the files that are repetitions of one acquisition.

    Such files stand in one folder, under M4Raw's names, which differ in the number of the repetition alone
    (`2022061003_T101.h5` and `2022061003_T102.h5`), and with the same side and labels.

    Args:
        listed: Entries of single files.

    Returns:
        All entries, the first repetition of each acquisition with the paths of the others, in the order of
        their numbers. An M4Raw file's subject, where no manifest names one, is the number in its name: it
        holds for all contrasts of a person.
    """
    acquisitions: dict[tuple[object, ...], list[Listed]] = {}
    for entry in listed:
        path = Path(entry.path)
        if found := _REPETITION.fullmatch(path.name):
            entry = replace(entry, subject=entry.subject or found["subject"])
            key: tuple[object, ...] = path.parent, found[1], entry.split, entry.subject, entry.contrast
        else:
            key = (entry.path,)
        acquisitions.setdefault(key, []).append(entry)
    return [_joined(entries) for entries in acquisitions.values()]


def _joined(entries: Sequence[Listed]) -> Listed:
    first, *others = sorted(entries, key=lambda entry: entry.path)
    return replace(first, repetitions=tuple(entry.path for entry in others)) if others else first


def hash_scan(path: Path, repetitions: Sequence[Path] = ()) -> str:
    """SHA-256 of a scan file, or of all names and files of a DICOM series; of all repetitions together.

    Raises:
        OSError: A file cannot be read.
        ScanError: The files of a series cannot be told.
    """
    if repetitions:
        hashes = "".join(hash_scan(one) for one in (path, *repetitions))
        return hashlib.sha256(hashes.encode()).hexdigest()
    files = _files_of(path)
    if files == [path]:
        return sha256_file(path)
    return _hash_files(path if path.is_dir() else path.parent, files)


def _files_of(path: Path) -> list[Path]:
    """The files that a scan is read from: one DICOM file, or its folder, stands for its series."""
    from lfsr_tf.scans import scan_files

    files = scan_files(path)
    # A folder that no reader knows has no files of its own.
    unknown = files == [path] and path.is_dir()
    return sorted(file for file in path.rglob("*") if file.is_file()) if unknown else files


def _hash_files(folder: Path, files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(name_bytes(f"{file.relative_to(folder).as_posix()}\0{sha256_file(file)}\0"))
    return digest.hexdigest()


def _read_manifest(manifest: Path) -> list[Listed]:
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as stream:
            listed = list(_rows(manifest, csv.DictReader(stream, strict=True)))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ScanError(f"Expected a manifest in CSV. Received: {manifest} ({error}).") from error
    except OSError as error:
        raise ScanError(
            f"Expected a manifest that can be read. Received: {manifest} ({error.strerror}). Check the "
            "rights to it."
        ) from error
    if not listed:
        raise ScanError(f"Expected a manifest with a row for each scan. Received: {manifest} without any.")
    name, times = Counter(entry.name for entry in listed).most_common(1)[0]
    if times > 1:
        raise ScanError(f"Expected every scan once. Received: {manifest} with {name} {times} times.")
    return sorted(listed, key=lambda entry: entry.name)


def _rows(manifest: Path, reader: csv.DictReader[str]) -> Iterator[Listed]:
    columns = reader.fieldnames or []
    unknown = sorted(set(columns) - set(_COLUMNS))
    if "path" not in columns or unknown:
        raise ScanError(
            f"Expected a manifest with the column path and, where wanted, split, subject and contrast. "
            f"Received: {manifest} with {', '.join(columns) or 'no header'}."
        )
    for number, row in enumerate(reader, start=2):
        if None in row or None in row.values():
            raise ScanError(
                f"Expected {len(columns)} values in line {number} of {manifest}. Received: other than that."
            )
        name, split = row["path"].strip(), (row.get("split") or "").strip() or "auto"
        if split not in _SPLITS:
            raise ScanError(
                f"Expected a split of {', '.join(_SPLITS)} in line {number} of {manifest}. Received: {split}."
            )
        path = _below(manifest.parent, name, f"line {number} of {manifest}")
        subject, contrast = ((row.get(key) or "").strip() for key in ("subject", "contrast"))
        yield Listed(Path(name).as_posix(), str(path), split, subject, contrast)


def _below(folder: Path, name: str, where: str) -> Path:
    """The file of a manifest's row: a path from a file is followed only below the folder of that file."""
    path, root = folder / name, real_path(folder)
    if not name or not real_path(path).is_relative_to(root):
        received = f"{name}, which leads to {real_path(path)}" if name else "an empty one"
        raise ScanError(
            f"Expected a path below {root}, links followed, in {where}. Received: {received}. Copy the scan "
            "there, or give the folder without a manifest: its links are followed."
        )
    if not exists(path):
        raise ScanError(f"Expected an existing scan in {where}. Received: {path}, which does not exist.")
    return path


def _sided(listed: Listed, split: str, manifest: Path) -> Listed:
    if split == "auto" or listed.split == split:
        return listed
    if listed.split != "auto":
        raise ScanError(
            f"Expected scans for {split} in {manifest}. Received: {listed.name} for {listed.split}."
        )
    return replace(listed, split=split)
