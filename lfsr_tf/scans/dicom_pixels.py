"""Pixel data of one DICOM file as numbers in the scanner's units, whatever its transfer syntax."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder, pixel_array
from pydicom.uid import UID, ImplicitVRLittleEndian

from lfsr_tf.errors import ScanError, first_line
from lfsr_tf.scans.checks import check_packing, check_stored_size, check_unfolded_size
from lfsr_tf.scans.dicom_files import PIXEL_KEYWORDS


def decode_pixels(dataset: Dataset, name: str) -> NDArray[np.float32]:
    """The stored pixel values of every frame, decompressed, before any rescaling.

    Args:
        dataset: With pixel data and file meta information.
        name: The file, for error messages.

    Returns:
        float32 [frames, rows, columns]; one frame for a classic file.

    Raises:
        ScanError: There is no pixel data, it is colour, truncated, or too large, or no decoder for it is
            installed.
        MemoryError: The decoded pixels need more memory than there is.
    """
    _check_grey(dataset, name)
    _check_decodable(dataset, name)
    frames = int(dataset.get("NumberOfFrames") or 1)
    samples = frames * int(dataset.get("Rows") or 0) * int(dataset.get("Columns") or 0)
    check_unfolded_size(samples * np.dtype(np.float32).itemsize, name)
    _check_stored(dataset, samples, name)
    try:
        pixels = pixel_array(dataset, allow_excess_frames=False, correct_unused_bits=True)
    except (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
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
    photometric = str(dataset.get("PhotometricInterpretation", "MONOCHROME2"))
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
            f"({syntax}). Install the decoders: pip install lfsr_tf[dicom]."
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


def _syntax(dataset: Dataset) -> UID:
    return UID(dataset.file_meta.get("TransferSyntaxUID") or ImplicitVRLittleEndian)


def drop_pixels(dataset: Dataset) -> None:
    """Free the encoded pixel data once it is decoded; the rest is the writer's header."""
    for keyword in PIXEL_KEYWORDS:
        dataset.pop(keyword, None)


def is_inverted(dataset: Dataset) -> bool:
    """Whether low values are meant to be bright (MONOCHROME1)."""
    return str(dataset.get("PhotometricInterpretation", "")).strip() == "MONOCHROME1"


def stack_planes(planes: Sequence[NDArray[np.float32]], *, inverted: bool) -> NDArray[np.float32]:
    """Planes [row, column] in slice order as voxels [column, row, slice].

    Args:
        planes: Rescaled, all of one size.
        inverted: Mirror the values at the largest one, so that air is dark again and lies at 0.
    """
    voxels = np.ascontiguousarray(np.stack(planes).transpose(2, 1, 0), dtype=np.float32)
    return voxels.max() - voxels if inverted else voxels


def rescale(pixels: NDArray[np.float32], transformation: Dataset) -> NDArray[np.float32]:
    """Stored values to output units: slope x stored + intercept (PS3.3 C.11.1.1.2).

    Args:
        pixels: float32, any shape.
        transformation: A classic dataset, or an item of a Pixel Value Transformation Sequence.
    """
    slope = transformation.get("RescaleSlope")
    intercept = transformation.get("RescaleIntercept")
    # Some converters write a slope of 0 for "none".
    factor = np.float32(slope or 1)
    return pixels * factor + np.float32(intercept or 0)
