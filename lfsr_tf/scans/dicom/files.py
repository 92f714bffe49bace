"""Opening single DICOM files: damaged, foreign and padded ones become one-line errors."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydicom import config
from pydicom.dataset import FileDataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from lfsr_tf.errors import ScanError, first_line
from lfsr_tf.scans.checks import check_stored_size
from lfsr_tf.scans.dicom.values import readable_values
from lfsr_tf.storage import exists

DICOM_SUFFIXES = (".dcm", ".ima", ".dicom")
PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")

_NUMBERED = re.compile(r"[^.]*\d[^.]*|.*\.\d+")
_PREAMBLE_LENGTH = 128
_MARK = b"DICM"
_HEAD_LENGTH = _PREAMBLE_LENGTH + len(_MARK)
_PIXEL_TAGS = frozenset(map(Tag, PIXEL_KEYWORDS))
# An index needs nothing that stands behind the image's size; the long per-frame sequences do.
_LAST_INDEX_TAG = Tag("Columns")
# fmt: off
_INDEX_KEYWORDS = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesDescription", "SeriesNumber", "PatientID",
    "PatientName", "PatientBirthDate", "Rows", "Columns",
)
# fmt: on

_BLOCK = 2**20

_StopWhen = Callable[[BaseTag, str | None, int], bool]


@contextmanager
def tolerant_parsing() -> Iterator[None]:
    """Let pydicom accept what scanners and converters really write (DS of 17 characters, ages without unit).

    Values that this package sets itself are formatted by the standard; the input's own oddities are carried
    as they are, without a warning for each slice.
    """
    with config.disable_value_validation(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="pydicom")
        yield


def looks_like_dicom(path: Path) -> bool:
    """Whether a file starts as DICOM does, with the standard's preamble or without it as old files do."""
    try:
        return _starts_as_dicom(_head(path))
    except OSError:
        return False


def is_named_dicom(path: Path) -> bool:
    """Whether a file's name says that it is DICOM."""
    return path.suffix.lower() in DICOM_SUFFIXES


def may_be_remains(path: Path) -> bool:
    """Whether a file may be what an interrupted copy left of an image without suffix (IM0004, MR.1.2.840.9).

    Such a file is too short to tell, or cannot be opened.
    """
    if not _NUMBERED.fullmatch(path.name):
        return False
    try:
        return len(_head(path)) < _HEAD_LENGTH
    except OSError:
        return True


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_HEAD_LENGTH)


def _starts_as_dicom(head: bytes) -> bool:
    """Whether there is the mark, or the first element is a low one of group 2 or 8, little endian."""
    return head[_PREAMBLE_LENGTH:] == _MARK or (
        len(head) > _PREAMBLE_LENGTH
        and head[:2] in (b"\x02\x00", b"\x08\x00")
        and head[3] == 0
        and head[2] < 0x20
    )


def load_index(path: Path) -> FileDataset:
    """The elements of a file up to the image size: enough to sort files into series.

    Raises:
        ScanError: The file is missing, empty, closed to this user, not DICOM or damaged.
    """
    check_is_dicom(path)
    index = _load(path, lambda tag, vr, length: tag > _LAST_INDEX_TAG)
    with readable_values(path):
        # Values are converted when they are asked for; here a damaged one is still its file's fault alone.
        for keyword in _INDEX_KEYWORDS:
            index.get(keyword)
        index.file_meta.get("MediaStorageSOPClassUID")
    return index


def load_dataset(path: Path) -> FileDataset:
    """A whole file, pixel data included. What follows the pixel data is left out.

    Some files carry further bytes there (papaya's test series carries the other slices' pixels in its first
    file); parsed as elements they would put nonsense into the dataset.

    Args:
        path: A file of which `load_index` has read the index.

    Raises:
        ScanError: The file is damaged.
    """
    dataset = _load(path, _after_pixel_data())
    if not dataset.file_meta.get("TransferSyntaxUID"):
        # A file without preamble does not name its encoding; the parser found it out.
        implicit, _ = dataset.original_encoding
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    return dataset


def check_is_dicom(path: Path) -> None:
    """Refuse a file that is missing, empty, closed to this user or something else.

    Raises:
        ScanError: Always with the reason.
    """
    if fault := _fault_of(path):
        raise ScanError(f"Expected a DICOM file. Received: {path}, {fault}")


def _fault_of(path: Path) -> str:
    """What keeps a file from being DICOM by its start, and what to do; "" where nothing does."""
    if path.is_symlink() and not exists(path):
        return "a link to a file that is not there. Fetch that file."
    if not path.is_file():
        return "which does not exist. Check the path."
    if path.stat().st_size == 0:
        return "which is empty. Copy it again or remove it."
    try:
        head = _head(path)
    except OSError as error:
        return f"which cannot be opened ({error.strerror}). Check the rights to it."
    if not _starts_as_dicom(head):
        return "which has no DICM mark and is something else or truncated. Copy it again or remove it."
    return ""


def _load(path: Path, stop_when: _StopWhen) -> FileDataset:
    try:
        with _Guarded(path) as stream:
            # force: files without preamble; looks_like_dicom has checked them.
            return read_partial(stream, stop_when=stop_when, force=True)
    except ScanError:
        raise
    except Exception as error:  # damaged bytes make pydicom raise a dozen kinds
        raise ScanError(
            f"Expected a DICOM file. Received: {path}, which is damaged or truncated "
            f"({first_line(error).rstrip('.')}). Copy it again from the scanner."
        ) from error


class _Guarded(io.BufferedReader):
    """A file that pydicom reads; of a deflated one it asks for all the rest at once, to unfold it.

    That is the place where it can be refused, since what is unfolded is exactly what is looked at here.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._path = path

    def read(self, size: int | None = -1, /) -> bytes:
        """As of any file.

        Raises:
            ScanError: The rest of the file was asked for, and unfolds to fill memory.
        """
        content = super().read(size)
        if size is None or size < 0:
            _check_deflated(content, self._path)
        return content


def _check_deflated(content: bytes, path: Path) -> None:
    """Refuse deflated data that unfold to fill memory; what is not deflated at all, pydicom refuses."""
    inflate, unfolded, folded = zlib.decompressobj(-zlib.MAX_WBITS), 0, content
    with contextlib.suppress(zlib.error):
        while folded and not inflate.eof:
            unfolded += len(inflate.decompress(folded, _BLOCK))
            check_stored_size(unfolded, len(content), path, compressed=True)
            folded = inflate.unconsumed_tail


def _after_pixel_data() -> _StopWhen:
    seen = False

    def stop(tag: BaseTag, vr: str | None, length: int) -> bool:
        nonlocal seen
        stop_now = seen
        seen = tag in _PIXEL_TAGS
        return stop_now

    return stop
