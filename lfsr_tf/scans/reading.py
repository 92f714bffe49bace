"""Which reader takes which file.

A new format is a module with a read function, and one line in `FILE_READERS`.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lfsr_tf.errors import LfsrError, OutOfMemoryError, ScanError, first_line
from lfsr_tf.scans.checks import check_scan
from lfsr_tf.scans.dicom.files import DICOM_SUFFIXES
from lfsr_tf.scans.dicom.read import find_series, is_dicom, read_dicom, series_files
from lfsr_tf.scans.enhanced import is_result
from lfsr_tf.scans.kspace.fastmri import read_fastmri
from lfsr_tf.scans.naming import check_labels, know_suffixes, not_magnitude
from lfsr_tf.scans.nifti import NIFTI_SUFFIXES, is_nifti, read_nifti
from lfsr_tf.scans.numpy_files import read_numpy
from lfsr_tf.scans.scan import Scan
from lfsr_tf.storage import exists


@dataclass(frozen=True)
class Reader:
    """One format.

    Attributes:
        description: For people, with the usual suffixes.
        suffixes: Of its files' names, in small letters; naming follows them.
        read: From a path to one scan a volume.
        recognises: Whether a path of another name is of this format, by its first bytes.
    """

    description: str
    suffixes: tuple[str, ...]
    read: Callable[[Path], list[Scan]]
    recognises: Callable[[Path], bool] | None = None

    def is_named(self, path: Path) -> bool:
        """Whether a path that is no folder says by its name that it is of this format."""
        return not path.is_dir() and path.name.lower().endswith(self.suffixes)

    def takes(self, path: Path) -> bool:
        """Whether a path is of this format, by its name or its first bytes."""
        return self.is_named(path) or (self.recognises is not None and self.recognises(path))


# By name: a damaged file is then reported as what it claims to be.
FILE_READERS = (
    Reader("NIfTI (.nii, .nii.gz)", NIFTI_SUFFIXES, read_nifti),
    Reader("fastMRI or M4Raw HDF5 (.h5)", (".h5", ".hdf5"), read_fastmri),
    Reader("NumPy (.npy, .npz)", (".npy", ".npz"), read_numpy),
)
# DICOM files often have no suffix, and one scan is a folder of them.
DICOM_READER = Reader("DICOM (a file or the folder of a series)", DICOM_SUFFIXES, read_dicom, is_dicom)
READERS = (*FILE_READERS, DICOM_READER)
know_suffixes(suffix for reader in READERS for suffix in reader.suffixes)


def read_volumes(path: Path | str, *, slice_axis: int | str | None = None) -> list[Scan]:
    """Read every volume of a scan.

    Args:
        path: A NIfTI, HDF5, NumPy or DICOM file, or a folder with one DICOM series.
        slice_axis: The voxel axis 0, 1 or 2 or the plane ("axial", "coronal", "sagittal") of the slices;
            None for the plane of acquisition.

    Returns:
        One scan a volume of a series, in its order; mostly a single one.

    Raises:
        ScanError: No reader takes the path, its own reader refuses it, its names contradict each other about
            who it shows, or the scan is of no use: NaN, infinite or constant voxels, slices under 16 x 16
            pixels. One line that says why.
        ConfigError: No such axis or plane.
        OutOfMemoryError: The scan needs more memory than there is.
    """
    path = Path(path)
    if not exists(path):
        raise ScanError(f"Expected a scan. Received: {path}, which does not exist. Check the path.")
    scans = _read(path)
    if not scans:
        raise ScanError(f"Expected a scan. Received: {path}, in which there is none. Check the file.")
    check_labels(path, [scan.subject for scan in scans])
    if slice_axis is not None:
        scans = [scan.cut_along(slice_axis) for scan in scans]
    for scan in scans:
        check_scan(scan, path)
    return scans


def read_scan(path: Path | str, *, slice_axis: int | str | None = None) -> Scan:
    """Read a scan that holds a single volume.

    Args:
        path: As for `read_volumes`.
        slice_axis: As for `read_volumes`.

    Raises:
        ScanError: As for `read_volumes`, and when the file is a series of several volumes.
        ConfigError: No such axis or plane.
    """
    scans = read_volumes(path, slice_axis=slice_axis)
    if len(scans) != 1:
        raise ScanError(
            f"Expected one volume. Received: a series of {len(scans)} in {path}. Read it with read_volumes."
        )
    return scans[0]


def find_scans(folder: Path | str, *, results: bool = True) -> list[Path]:
    """Every scan below a folder, by the names of files and the headers of DICOM files.

    A DICOM series counts once: by its folder, or by one of its files where a folder holds several series.
    NIfTI files whose names say that they are no magnitude images (`naming.not_magnitude`) are left out.
    Hidden files and folders, such as half-written output, are left out. Linked folders are searched too; one
    that can be reached in several ways counts once, by its own name where that is below `folder`.

    Args:
        folder: A folder, or a single scan, which is returned as it is.
        results: Whether results of `lfsr enhance`, which are no measurements, count as scans.

    Returns:
        Paths that `read_volumes` takes, sorted.

    Raises:
        ScanError: The folder does not exist, or it or one below it cannot be looked into.
    """
    folder = Path(folder)
    if not exists(folder):
        raise ScanError(
            f"Expected a folder of scans. Received: {folder}, which does not exist. Check the path."
        )
    if folder.is_file():
        return [folder]
    try:
        found = sorted(scan for where, names in _folders_below(folder) for scan in _scans_in(where, names))
    except OSError as error:
        raise ScanError(
            f"Expected folders that can be searched. Received: {error.filename}: {error.strerror}. "
            "Ask its owner for the right to read it, or name the scans and folders beside it."
        ) from error
    return found if results else [scan for scan in found if scan == folder or not is_result(scan)]


def is_series(path: Path) -> bool:
    """Whether a scan is DICOM, of which several files may be one scan."""
    return not any(reader.takes(path) for reader in FILE_READERS) and is_dicom(path)


def scan_files(path: Path) -> list[Path]:
    """The files that a scan is read from.

    Args:
        path: A scan: a file, or the folder of a DICOM series.

    Returns:
        The path itself; of a DICOM series all its files, whether its folder or one of its files was given.

    Raises:
        ScanError: A header of a DICOM series cannot be read, or its folder holds several.
    """
    return series_files(path) if is_series(path) else [path]


def _folders_below(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """A folder and all folders below it, each once, with the names of their files; hidden ones are left out.

    Raises:
        OSError: A folder cannot be listed.
    """
    # A link to where the search came from leads nowhere new.
    seen = set(folder.resolve().parents)
    starts = deque([folder])
    while starts:
        for where, below, names in os.walk(starts.popleft(), onerror=_refuse):
            if (place := Path(where).resolve()) in seen:
                below.clear()
                continue
            seen.add(place)
            below[:] = sorted(name for name in below if not name.startswith("."))
            # Links wait: what they lead to may have a name of its own here.
            starts += [link for name in below if (link := Path(where, name)).is_symlink()]
            yield Path(where), [name for name in names if not name.startswith(".")]


def _refuse(error: OSError) -> None:
    raise error


def _scans_in(folder: Path, names: Sequence[str]) -> list[Path]:
    files = [folder / name for name in names]
    found = [file for file in files if any(reader.takes(file) for reader in FILE_READERS)]
    found = [file for file in found if not (is_nifti(file) and not_magnitude(file.name))]
    # Files that only claim to be DICOM are listed too, so that whoever reads them hears of the damage.
    return found + (find_series(folder) or [file for file in files if DICOM_READER.is_named(file)])


def _read(path: Path) -> list[Scan]:
    try:
        return _reader_of(path).read(path)
    except MemoryError as error:
        raise OutOfMemoryError(
            f"Expected a scan that fits into memory. Received: {path}, which does not. Run fewer processes "
            "at once, or split the file."
        ) from error
    except OSError as error:
        raise ScanError(
            f"Expected a scan that can be read. Received: {error.filename or path}: "
            f"{error.strerror or error}. Check the rights to it, and copy it again."
        ) from error
    except LfsrError:
        raise
    # Readers hand on what their libraries raise, and one file must not end a batch.
    except Exception as error:
        raise ScanError(
            f"Expected a scan that can be read. Received: {path}, at which its reader failed "
            f"({type(error).__name__}: {first_line(error)}). Check the file, and report this if it is sound."
        ) from error


def _reader_of(path: Path) -> Reader:
    for reader in READERS:
        if reader.takes(path):
            return reader
    kinds = ", ".join(reader.description for reader in READERS)
    what = "a folder without DICOM files in it" if path.is_dir() else "none of them"
    raise ScanError(f"Expected {kinds}. Received: {path}, {what}. Convert it first, or name the scan itself.")
