"""Reading DICOM: a series folder, one file of a series, or an enhanced multi-frame file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import MediaStorageDirectoryStorage

from lfsr_tf.errors import ScanError, printable_line
from lfsr_tf.scans.dicom.files import (
    is_named_dicom,
    load_index,
    looks_like_dicom,
    may_be_remains,
    tolerant_parsing,
)
from lfsr_tf.scans.dicom.frames import ENHANCED_MR_CLASSES, MR_CLASSES
from lfsr_tf.scans.dicom.identity import Identity, check_identities, identity_of, subject_or_label
from lfsr_tf.scans.dicom.multiframe import read_multiframe
from lfsr_tf.scans.dicom.series import read_series
from lfsr_tf.scans.scan import Scan
from lfsr_tf.storage import exists

_SERIES_SHOWN = 5


@dataclass(frozen=True)
class SeriesFiles:
    """The files of one series in a folder.

    Attributes:
        description: Series Description and number, for people.
        files: The series' files, sorted by name.
        multiframe: Those of `files` that are enhanced multi-frame files.
        identities: What each of `files` says about whose image it is.
    """

    description: str
    files: tuple[Path, ...]
    multiframe: tuple[Path, ...]
    identities: tuple[Identity, ...]


# The series of a folder, and what is wrong with each of its files that seem to be DICOM but cannot be read.
Index = tuple[tuple[SeriesFiles, ...], tuple[str, ...]]


def is_dicom(path: Path | str) -> bool:
    """Whether a file is DICOM, or a folder holds DICOM files itself (not in its subfolders)."""
    path = Path(path)
    if path.is_dir():
        return any(looks_like_dicom(file) for file in _visible_files(path))
    return path.is_file() and looks_like_dicom(path)


def find_series(folder: Path | str) -> list[Path]:
    """The DICOM series that lie in a folder itself, each as a path that `read_dicom` takes.

    Args:
        folder: Subfolders are not searched.

    Returns:
        The folder where it holds one series; else the first file of each series, since one file stands for
        its whole series. Empty where there is no readable DICOM image. Sorted.
    """
    folder = Path(folder)
    with tolerant_parsing():
        series, _ = _index_folder(folder)
    if len(series) == 1:
        return [folder]
    return sorted(group.files[0] for group in series)


def series_files(path: Path | str) -> list[Path]:
    """The files that `read_dicom` reads, sorted.

    Args:
        path: As for `read_dicom`. A multi-frame file is read alone, whatever stands beside it.

    Raises:
        ScanError: As for `read_dicom`, where a header cannot be read or a folder holds other than one series.
    """
    path = Path(path)
    with tolerant_parsing():
        if path.is_dir():
            return sorted(_only_series(path).files)
        index = load_index(path)
        return [path] if _is_multiframe(index) else sorted(_series_of(path, index).files)


def read_dicom(path: Path | str) -> list[Scan]:
    """Read the magnitude volumes of one DICOM series.

    Args:
        path: A folder that holds one series; or a multi-frame file; or any one file of a classic series,
            which stands for all files of its series in the same folder.

    Returns:
        One scan a volume: voxels [columns, rows, slices] in the file's output units (rescaled), slices
        ascending along row x column, affine to RAS+. Phase, real and imaginary images of the same series are
        left out.

    Raises:
        ScanError: There is no such file, a file is damaged, several series or patients are mixed, an image is
            there twice, or the slices make no regular volume.
    """
    path = Path(path)
    with tolerant_parsing():
        scans = _read_group(_only_series(path)) if path.is_dir() else _read_file(path)
    return [_named(scan, path, number, len(scans)) for number, scan in enumerate(scans, 1)]


def _named(scan: Scan, path: Path, number: int, count: int) -> Scan:
    subject, notes = subject_or_label(scan.subject, path)
    header = replace(scan.header, volume=number, volumes=count)
    return replace(scan, source=path, subject=subject, header=header, notes=scan.notes + notes)


def _read_file(path: Path) -> list[Scan]:
    index = load_index(path)
    return read_multiframe(path) if _is_multiframe(index) else _read_group(_series_of(path, index))


def _is_multiframe(index: Dataset) -> bool:
    return str(index.get("SOPClassUID")) in ENHANCED_MR_CLASSES


def _read_group(group: SeriesFiles) -> list[Scan]:
    check_identities(group.identities, f"{group.description} in {group.files[0].parent}")
    scans = [scan for file in group.multiframe for scan in read_multiframe(file)]
    classic = [file for file in group.files if file not in group.multiframe]
    if classic:
        scans += read_series(classic, f"{group.description} in {classic[0].parent}")
    return scans


def _only_series(folder: Path) -> SeriesFiles:
    series = _whole_series(folder)
    if not series:
        raise ScanError(
            f"Expected DICOM images. Received: {folder}, which holds none. Give the folder of one series."
        )
    if len(series) > 1:
        found = ", ".join(_shown(group) for group in series[:_SERIES_SHOWN])
        more = f" and {len(series) - _SERIES_SHOWN} more" if len(series) > _SERIES_SHOWN else ""
        raise ScanError(
            f"Expected one DICOM series in a folder. Received: {len(series)} in {folder}: {found}{more}. "
            f"Give one file of the series you want (such as {series[0].files[0].name}), or a folder for each."
        )
    return series[0]


def _shown(group: SeriesFiles) -> str:
    people = dict.fromkeys(identity.subject for identity in group.identities)
    return printable_line(f"{group.description} ({len(group.files)} files of {', '.join(people)})")


def _series_of(path: Path, index: Dataset) -> SeriesFiles:
    """The group of a file in its folder; of the file alone where its folder does not list it as an image."""
    own = [group for group in _whole_series(path.parent) if path in group.files]
    return own[0] if own else _group(str(index.get("SeriesInstanceUID")), [(path, index)])


def _whole_series(folder: Path) -> tuple[SeriesFiles, ...]:
    """A series with a damaged slice at its end would otherwise be read as a shorter one."""
    series, faults = _index_folder(folder)
    if faults:
        raise ScanError(faults[0])
    return series


def _index_folder(folder: Path) -> Index:
    return _index_of(tuple((path, _state(path)) for path in _visible_files(folder)))


# Each series of a folder is read on its own, and asks for the folder's index again.
@lru_cache(maxsize=1)
def _index_of(files: tuple[tuple[Path, tuple[int, ...]], ...]) -> Index:
    """The series of the images among files, and what is wrong with those that cannot be read.

    Args:
        files: Each with its state: one that changes is read again.
    """
    groups: dict[str, list[tuple[Path, Dataset]]] = {}
    faults: list[str] = []
    for path in _seemingly_dicom([path for path, _ in files]):
        try:
            index = load_index(path)
        except ScanError as error:
            faults.append(str(error))
            continue
        if index.get("Rows") and index.get("Columns"):
            groups.setdefault(str(index.get("SeriesInstanceUID")), []).append((path, index))
        elif _is_cut_image(index):
            faults.append(
                f"Expected a DICOM image. Received: {path}, whose header ends before the image size: it is "
                "truncated. Copy it again from the scanner."
            )
    return tuple(_group(uid, members) for uid, members in groups.items()), tuple(faults)


def _seemingly_dicom(paths: Sequence[Path]) -> list[Path]:
    """The files that start as DICOM, are named so, or may be what is left of an image beside such files."""
    images = {path for path in paths if looks_like_dicom(path)}
    return [
        path for path in paths if path in images or is_named_dicom(path) or (images and may_be_remains(path))
    ]


def _is_cut_image(index: FileDataset) -> bool:
    """Whether a file without image size may be an image: it may end before its class, or within it.

    The DICOMDIR of a medium, which lies beside the images and has no class of its own, is none.
    """
    stored = index.file_meta.get("MediaStorageSOPClassUID")
    if stored == MediaStorageDirectoryStorage or "FileSetID" in index or "DirectoryRecordSequence" in index:
        return False
    return any(known.startswith(str(index.get("SOPClassUID") or "")) for known in MR_CLASSES)


def _state(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _group(uid: str, members: list[tuple[Path, Dataset]]) -> SeriesFiles:
    first = members[0][1]
    text = str(first.get("SeriesDescription") or "").strip() or f"series {uid}"
    number = first.get("SeriesNumber")
    return SeriesFiles(
        description=printable_line(f"{number}: {text}" if number is not None else text),
        files=tuple(path for path, _ in members),
        multiframe=tuple(path for path, index in members if _is_multiframe(index)),
        identities=tuple(identity_of(path, index) for path, index in members),
    )


def _visible_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if not path.name.startswith(".") and _is_file_or_link(path)
    )


def _is_file_or_link(path: Path) -> bool:
    """Whether it is a file, or a link to nothing: a slice that was not fetched is missed, not passed over."""
    return path.is_file() if exists(path) else path.is_symlink()
