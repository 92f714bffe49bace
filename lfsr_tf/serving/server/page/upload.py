"""A file from the browser becomes a scan: bounded, under a name of ours, and gone when the block ends."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lfsr_tf.errors import LfsrError, OutputError, ScanError
from lfsr_tf.scans import Scan, read_volumes
from lfsr_tf.scans.checks import unfolding_at_most
from lfsr_tf.scans.naming import SCAN_SUFFIXES
from lfsr_tf.scans.reading import READERS
from lfsr_tf.serving.server.page.pictures import read_picture
from lfsr_tf.serving.server.page.scratch import ScratchFolder
from lfsr_tf.serving.server.rest.body import Body

MOST_SLICES = 512
MOST_PIXELS = 2**23
"""Of all slices together: 32 slices of 512 x 512, about a minute of two cores with a small network."""

_MOST_BYTES = 2**28
"""That a file may unfold to: k-space of many coils, or a series of which only the first volume is taken."""

_SCANS = tuple(suffix for reader in READERS for suffix in reader.suffixes)
_PICTURES = (".png", ".jpg", ".jpeg")
_WHAT = f"a scan ({', '.join(_SCANS)}) or a picture ({', '.join(_PICTURES)})"
PICTURE_SUFFIXES = re.compile(rf"({'|'.join(map(re.escape, _PICTURES))})$", re.IGNORECASE)
_DICOM_MAGIC = slice(128, 132)
_LONGEST_STEM = 80
_THE_FILE = "the file"


@dataclass(frozen=True)
class Upload:
    """A file that was read.

    Attributes:
        scan: Its first volume; of a picture, its one slice.
        stem: The file's name without folders, suffix and anything unusual.
        white: Largest value of a picture; None for a scan.
        folder: For temporary files.
    """

    scan: Scan
    stem: str
    white: float | None
    folder: Path


@contextmanager
def opened(name: str, body: Body, scratch: ScratchFolder | None = None) -> Iterator[Upload]:
    """Read a file that came from a browser.

    Args:
        name: As the browser has it; only its suffix decides anything.
        body: The file.
        scratch: Where its folder is made; None for the system's place for temporary files.

    Yields:
        The scan. Its file exists for the block only, and errors that the block raises do not tell where.

    Raises:
        LfsrError: Of the block.
        OutputError: There is no room for the file, or others could see it.
        ScanError: The suffix is unknown, the reader refuses the file, or it has too many slices or pixels.
    """
    suffix = suffix_of(name, body)
    with _folder(scratch) as folder:
        path = Path(folder, f"upload{suffix}")
        try:
            _write(path, body)
            scan, white = _read(path)
            _refuse_large(scan)
            yield Upload(scan, stem_of(name), white, Path(folder))
        except LfsrError as error:
            # Neither our folders nor the name of a patient's file are anybody's business, or the log's.
            message = str(error).replace(str(path), _THE_FILE).replace(folder, _THE_FILE)
            raise type(error)(message) from error


def _folder(scratch: ScratchFolder | None) -> tempfile.TemporaryDirectory[str]:
    try:
        if scratch is not None:
            scratch.keep()
        return tempfile.TemporaryDirectory(prefix="lfsr-page-", dir=None if scratch is None else scratch.path)
    except OSError as error:
        raise _no_room(error) from error


def _write(path: Path, body: Body) -> None:
    try:
        path.write_bytes(body)
    except OSError as error:
        raise _no_room(error) from error


def _no_room(error: OSError) -> OutputError:
    return OutputError(
        f"Expected room for the file on the server. Received: {error.strerror}. Tell those who run it, or "
        "use lfsr enhance."
    )


def stem_of(name: str) -> str:
    """What is left of a file's name for the name of its result: letters, digits, `-`, `_` and dots inside."""
    last = re.split(r"[/\\]", name)[-1]
    bare = PICTURE_SUFFIXES.sub("", SCAN_SUFFIXES.sub("", last))
    return re.sub(r"[^\w.-]+", "_", bare)[:_LONGEST_STEM].strip("._-") or "scan"


def suffix_of(name: str, body: Body) -> str:
    """Which of the known suffixes a file has.

    Args:
        name: As the browser has it.
        body: The file, which may say that it is DICOM.

    Raises:
        ScanError: None of them.
    """
    for suffixes in (SCAN_SUFFIXES, PICTURE_SUFFIXES):
        if found := suffixes.search(name):
            return found.group(0).lower()
    # Scanners often write DICOM files without any suffix.
    if body[_DICOM_MAGIC] == b"DICM":
        return ".dcm"
    # What stands behind a dot may be a patient's name, which is not the log's business.
    raise ScanError(f"Expected {_WHAT}. Received: a file of another kind. Choose another file.")


def _read(path: Path) -> tuple[Scan, float | None]:
    if PICTURE_SUFFIXES.search(path.name):
        picture = read_picture(path, MOST_PIXELS)
        return picture.scan, picture.white
    with unfolding_at_most(_MOST_BYTES):
        volumes = read_volumes(path)
    first = volumes[0]
    if len(volumes) > 1:
        note = f"The file is a series of {len(volumes)} volumes; this is the first. `lfsr enhance` takes all."
        first = replace(first, notes=(note, *first.notes))
    return first, None


def _refuse_large(scan: Scan) -> None:
    count, height, width = scan.slices().shape
    if count > MOST_SLICES or count * height * width > MOST_PIXELS:
        raise ScanError(
            f"Expected at most {MOST_SLICES} slices and {MOST_PIXELS / 1e6:.1f} million pixels on this page. "
            f"Received: {count} slices of {height} x {width}. Use `lfsr enhance`, which has no such limit."
        )
