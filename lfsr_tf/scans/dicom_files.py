"""Opening single DICOM files: damaged, foreign and padded ones become one-line errors."""

from __future__ import annotations

import contextlib
import io
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydicom import config
from pydicom.dataset import FileDataset
from pydicom.errors import BytesLengthException
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from lfsr_tf.errors import ScanError, first_line
from lfsr_tf.scans.checks import check_stored_size

DICOM_SUFFIXES = frozenset({".dcm", ".ima", ".dicom"})

_PREAMBLE_LENGTH = 128
_PIXEL_TAGS = frozenset({Tag("FloatPixelData"), Tag("DoubleFloatPixelData"), Tag("PixelData")})
# An index needs nothing that stands behind the image's size; the long per-frame sequences do.
_LAST_INDEX_TAG = Tag("Columns")
# fmt: off
_INDEX_KEYWORDS = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesDescription", "SeriesNumber", "PatientID",
    "PatientName", "PatientBirthDate", "Rows", "Columns",
)
# fmt: on

# What pydicom raises for a value that is none of its type; BytesLengthException is no ValueError.
_UNREADABLE = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
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


@contextmanager
def readable_values(path: Path) -> Iterator[None]:
    """Make one ScanError of what pydicom raises when a value is first asked for and is none of its type.

    Args:
        path: The file whose values are read in the block.

    Raises:
        ScanError: A value cannot be read.
    """
    try:
        yield
    except _UNREADABLE as error:
        raise ScanError(
            f"Expected a DICOM header by the standard. Received: {path}, with a value that cannot be read "
            f"({first_line(error).rstrip('.')}). Copy it again from the scanner."
        ) from error


def looks_like_dicom(path: Path) -> bool:
    """Whether a file starts as DICOM does, with the standard's preamble or without it as old files do."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_PREAMBLE_LENGTH + 4)
    except OSError:
        return False
    return head[_PREAMBLE_LENGTH:] == b"DICM" or _starts_with_dataset(head)


def _starts_with_dataset(head: bytes) -> bool:
    """Whether the first element is a low one of group 2 or 8, little endian: a file without preamble."""
    return (
        len(head) > _PREAMBLE_LENGTH
        and head[:2] in (b"\x02\x00", b"\x08\x00")
        and head[3] == 0
        and head[2] < 0x20
    )


def load_index(path: Path) -> FileDataset:
    """The elements of a file up to the image size: enough to sort files into series.

    Raises:
        ScanError: The file is damaged.
    """
    index = _load(path, lambda tag, vr, length: tag > _LAST_INDEX_TAG)
    with readable_values(path):
        # Values are converted when they are asked for; here a damaged one is still its file's fault alone.
        for keyword in _INDEX_KEYWORDS:
            index.get(keyword)
    return index


def load_dataset(path: Path) -> FileDataset:
    """A whole file, pixel data included. What follows the pixel data is left out.

    Some files carry further bytes there (papaya's test series carries the other slices' pixels in its first
    file); parsed as elements they would put nonsense into the dataset.

    Raises:
        ScanError: The file is empty, not DICOM or damaged.
    """
    check_is_dicom(path)
    dataset = _load(path, _after_pixel_data())
    if not dataset.file_meta.get("TransferSyntaxUID"):
        # A file without preamble does not name its encoding; the parser found it out.
        implicit, _ = dataset.original_encoding
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    return dataset


def check_is_dicom(path: Path) -> None:
    """Refuse a file that is missing, empty or something else.

    Raises:
        ScanError: Always with the reason.
    """
    if not path.is_file():
        raise ScanError(
            f"Expected a DICOM file or folder. Received: {path}, which does not exist. Check the path."
        )
    if path.stat().st_size == 0:
        raise ScanError(
            f"Expected a DICOM file. Received: {path}, which is empty. Copy it again or remove it."
        )
    if not looks_like_dicom(path):
        raise ScanError(
            f"Expected a DICOM file. Received: {path}, which has no DICM mark and is something else or "
            "truncated. Copy it again or remove it."
        )


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
