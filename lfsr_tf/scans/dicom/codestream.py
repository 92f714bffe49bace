"""How large a compressed frame says that it is: decoders make room for that, whatever the header says."""

from __future__ import annotations

import re

# Start of codestream and, always behind it, the size marker (ISO/IEC 15444-1, A.4 and A.5.1).
_JPEG2000_START = b"\xff\x4f\xff\x51"
_JPEG_START, _START_OF_SCAN = b"\xff\xd8", 0xDA
# SOF0 to SOF15 but for tables and extensions (ISO/IEC 10918-1, table B.1), and JPEG-LS's SOF55.
_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
# Markers that stand alone, and bytes that are none.
_WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xDA), 0xFF})


def stated_samples(frame: bytes) -> int | None:
    """Rows x columns x components of a frame in JPEG, JPEG-LS or JPEG 2000, as its codestream states them.

    Args:
        frame: The whole encoded frame.

    Returns:
        None for another codestream, and where the size is missing. 0 or less where it is none.
    """
    if frame.startswith(_JPEG_START):
        return _jpeg_samples(frame)
    if frame.startswith(_JPEG2000_START):
        return _jpeg2000_samples(frame, 0)
    # Some writers leave the boxes of a JP2 file around it, and a box may hold anything.
    starts = (found.start() for found in re.finditer(_JPEG2000_START, frame))
    return max((_jpeg2000_samples(frame, start) for start in starts), default=None)


def _jpeg2000_samples(frame: bytes, start: int) -> int:
    right, bottom, left, top = (_number(frame, start + at, 4) for at in (8, 12, 16, 20))
    return max(0, right - left) * max(0, bottom - top) * _number(frame, start + 40, 2)


def _jpeg_samples(frame: bytes) -> int | None:
    place = len(_JPEG_START)
    # Decoders look for the next marker, whatever lies between.
    while 0 <= (place := frame.find(b"\xff", place)) < len(frame) - 1:
        marker = frame[place + 1]
        if marker in _FRAME_HEADERS:
            return _number(frame, place + 5, 2) * _number(frame, place + 7, 2) * _number(frame, place + 9, 1)
        if marker == _START_OF_SCAN:
            break
        place += 1 if marker in _WITHOUT_LENGTH else 2 + _number(frame, place + 2, 2)
    return None


def _number(frame: bytes, place: int, count: int) -> int:
    return int.from_bytes(frame[place : place + count], "big")
