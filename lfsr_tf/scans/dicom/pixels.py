"""Pixel data of one DICOM file as numbers in the scanner's units, whatever its transfer syntax."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels import get_decoder, pixel_array
from pydicom.uid import UID, ImplicitVRLittleEndian

from lfsr_tf.errors import ScanError, first_line, printable_line
from lfsr_tf.scans.checks import check_packing, check_stored_size, check_unfolded_size
from lfsr_tf.scans.dicom.codestream import stated_samples
from lfsr_tf.scans.dicom.files import PIXEL_KEYWORDS
from lfsr_tf.scans.dicom.values import values_of

_WIDEST_PADDING = 2**15 - 1
"""A range of padding that holds half of all values is a writer's mistake."""


def decode_pixels(dataset: Dataset, name: str) -> NDArray[np.float32]:
    """The stored pixel values of every frame, decompressed, before any rescaling.

    Args:
        dataset: With pixel data and file meta information.
        name: The file, for error messages.

    Returns:
        float32 [frames, rows, columns]; one frame for a classic file.

    Raises:
        ScanError: There is no pixel data, it is colour, truncated, too large, or compressed from more than
            the header says, or no decoder for it is installed.
        MemoryError: The decoded pixels need more memory than there is.
    """
    _check_grey(dataset, name)
    _check_decodable(dataset, name)
    frames = int(dataset.get("NumberOfFrames") or 1)
    samples = frames * int(dataset.get("Rows") or 0) * int(dataset.get("Columns") or 0)
    check_unfolded_size(samples * np.dtype(np.float32).itemsize, name)
    _check_stored(dataset, samples, name)
    try:
        if _syntax(dataset).is_compressed:
            _check_frames(dataset, name)
        pixels = pixel_array(dataset, allow_excess_frames=False, correct_unused_bits=True)
    except (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError, ScanError):
        raise
    except BaseException as error:  # every decoder raises its own kinds; one written in Rust panics
        raise ScanError(
            f"Expected complete pixel data. Received: {name}, whose pixel data cannot be decoded "
            f"({first_line(error).rstrip('.')}). Copy the file again from the scanner."
        ) from error
    return np.asarray(pixels, dtype=np.float32).reshape(-1, *pixels.shape[-2:])


def _check_grey(dataset: Dataset, name: str) -> None:
    if not any(keyword in dataset for keyword in PIXEL_KEYWORDS):
        raise ScanError(
            f"Expected a DICOM image. Received: {name}, which has no pixel data: it is not an image, or "
            "truncated. Give image files, or copy it again."
        )
    samples = int(dataset.get("SamplesPerPixel") or 1)
    photometric = printable_line(str(dataset.get("PhotometricInterpretation", "MONOCHROME2")))
    if samples != 1 or not photometric.startswith("MONOCHROME"):
        raise ScanError(
            f"Expected a grey-scale DICOM image. Received: {name}, which is colour ({photometric}, {samples} "
            "samples per pixel). Give the original series, not a colour map or a screenshot."
        )


def _check_decodable(dataset: Dataset, name: str) -> None:
    syntax = _syntax(dataset)
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise ScanError(
            f"Expected pixel data that an installed decoder reads. Received: {name} in {syntax.name} "
            f"({syntax}). Install the decoders: pip install 'lfsr_tf[dicom]'."
        )


def _check_stored(dataset: Dataset, samples: int, name: str) -> None:
    """Refuse a matrix that the stored bytes cannot fill, before a decoder makes room for it."""
    stored = next(len(dataset[keyword].value or b"") for keyword in PIXEL_KEYWORDS if keyword in dataset)
    declared = samples * int(dataset.get("BitsAllocated") or 1) // 8
    if _syntax(dataset).is_compressed:
        # JPEG 2000 and JPEG-LS pack a blank slice more tightly than DEFLATE can: only bombs are refused.
        check_packing(declared, stored, name)
    else:
        check_stored_size(declared, stored, name, compressed=False)


def _check_frames(dataset: Dataset, name: str) -> None:
    """Refuse a compressed frame that is larger than the header says: its decoder goes by its own size."""
    expected = int(dataset.get("Rows") or 0) * int(dataset.get("Columns") or 0)
    offsets = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    frames = generate_frames(
        dataset.PixelData,
        number_of_frames=int(dataset.get("NumberOfFrames") or 1),
        extended_offsets=None if None in offsets else offsets,
    )
    for number, frame in enumerate(frames, 1):
        samples = stated_samples(frame)
        if samples is not None and not 0 < samples <= expected:
            raise ScanError(
                f"Expected frames of {expected} pixels, as the header says. Received: {name}, whose frame "
                f"{number} is compressed from {samples}. Copy the file again from the scanner."
            )


def _syntax(dataset: Dataset) -> UID:
    return UID(dataset.file_meta.get("TransferSyntaxUID") or ImplicitVRLittleEndian)


def drop_pixels(dataset: Dataset) -> None:
    """Free the encoded pixel data once it is decoded; the rest is the writer's header."""
    for keyword in PIXEL_KEYWORDS:
        dataset.pop(keyword, None)


def is_inverted(dataset: Dataset) -> bool:
    """Whether low values are meant to be bright (MONOCHROME1)."""
    return str(dataset.get("PhotometricInterpretation", "")).strip() == "MONOCHROME1"


def stack_planes(
    planes: Sequence[NDArray[np.float32]], headers: Sequence[Dataset]
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Planes [row, column] in slice order as voxels [column, row, slice], with air dark.

    MONOCHROME1 is mirrored at its largest value, which then lies at 0. Padding gets 0, or the smallest value
    of all other voxels where that is negative.

    Args:
        planes: From `rescale`, all of one size.
        headers: Of the volume: one a plane, or that of the multi-frame file.

    Returns:
        The voxels, and a note on how many are padding, where there are any.
    """
    voxels = np.ascontiguousarray(np.stack(planes).transpose(2, 1, 0), dtype=np.float32)
    # Where no header speaks of padding, NaN is what the file holds, and is refused later.
    may_be_padded = any("PixelPaddingValue" in header for header in headers)
    padded = np.isnan(voxels) if may_be_padded else np.zeros((1, 1, 1), np.bool_)
    if is_inverted(headers[0]):
        voxels = voxels.max(where=~padded, initial=-np.inf) - voxels
    if not padded.any():
        return voxels, ()
    voxels[padded] = voxels.min(where=~padded, initial=0.0)
    count = int(np.count_nonzero(padded))
    return voxels, (
        f"{count} of {voxels.size} pixels are padding by the header; they were made as dark as air.",
    )


def rescale(pixels: NDArray[np.float32], dataset: Dataset, transformation: Dataset) -> NDArray[np.float32]:
    """Stored values to output units: slope x stored + intercept (PS3.3 C.11.1.1.2), and NaN for padding.

    Args:
        pixels: float32, any shape.
        dataset: The file's header, whose padding is a range of stored values.
        transformation: That header, or an item of a Pixel Value Transformation Sequence.
    """
    slope = transformation.get("RescaleSlope")
    intercept = transformation.get("RescaleIntercept")
    # Some converters write a slope of 0 for "none".
    values = pixels * np.float32(slope or 1) + np.float32(intercept or 0)
    padding = _padding(dataset)
    if padding is None:
        return values
    padded = (pixels >= padding[0]) & (pixels <= padding[1])
    # 0 is as dark as air already, unless it is mirrored.
    padded &= is_inverted(dataset) | (values != 0)
    return np.where(padded, np.float32(np.nan), values)


def _padding(dataset: Dataset) -> tuple[int, int] | None:
    """The lowest and the highest stored value that stand for no signal (PS3.3 C.7.5.1.1.2)."""
    stated = [values_of(dataset, keyword)[:1] for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    # Some files give -2000 as 63536, or the other way round: 16 bits are read as the pixels are.
    kind = np.int16 if dataset.get("PixelRepresentation") else np.uint16
    try:
        value, limit = ([int(np.int64(int(each)).astype(kind)) for each in values] for values in stated)
    except (ValueError, TypeError, OverflowError):  # a writer put something else there
        return None
    if not value:
        return None
    lowest, highest = min(value + limit), max(value + limit)
    return (lowest, highest) if highest - lowest <= _WIDEST_PADDING else (value[0], value[0])
