"""Pictures in and out: PNG and JPEG to one grey slice, and a grey slice to PNG."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from lfsr_tf.errors import ScanError
from lfsr_tf.scans.checks import check_scan
from lfsr_tf.scans.geometry import axial_affine
from lfsr_tf.scans.scan import Scan

_FORMATS = ("PNG", "JPEG")
_DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "F")
_DAMAGE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
_FAST = 1

PICTURE_NOTE = (
    "A picture is not the measurement: its grey values were made for the screen, its voxel size is unknown, "
    "and JPEG leaves traces. Where you have the scan itself, use that."
)
COLOUR_NOTE = "The picture has colours; only its brightness was enhanced."


@dataclass(frozen=True)
class Picture:
    """A picture as a scan.

    Attributes:
        scan: One slice, rows down and columns to the right; values as in the file.
        white: The largest value that the file could hold.
    """

    scan: Scan
    white: float


def read_picture(path: Path, most_pixels: int) -> Picture:
    """Read a PNG or JPEG file, turned as its camera says, over black where it is transparent.

    Args:
        path: Of the file.
        most_pixels: Larger pictures are refused before they are unpacked.

    Raises:
        ScanError: It is no PNG or JPEG file, damaged, too large, too small, or of one grey.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            if image.width * image.height > most_pixels:
                raise ScanError(
                    f"Expected a picture of at most {most_pixels / 1e6:.1f} million pixels. Received: "
                    f"{image.width} x {image.height} in {path}. Cut or shrink it."
                )
            grey, white, notes = _grey(ImageOps.exif_transpose(image))
    except _DAMAGE as error:
        raise ScanError(
            f"Expected a PNG or JPEG picture. Received: {path}, which is damaged or something else. "
            "Save it again."
        ) from error
    affine = axial_affine((1.0, 1.0, 1.0), (grey.shape[0] // 2, grey.shape[1] // 2, 0.0))
    # As an array is: what a place in the patient could be is assumed.
    scan = Scan(grey[:, :, np.newaxis], affine, source=path, format="numpy", notes=notes)
    check_scan(scan, path)
    return Picture(scan, white)


def _grey(image: Image.Image) -> tuple[NDArray[np.float32], float, tuple[str, ...]]:
    if image.mode in _DEEP_MODES:
        return np.asarray(image, np.float32), 65_535.0, (PICTURE_NOTE,)
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image.convert("RGBA"))
    channels = np.asarray(image.convert("RGB"))
    coloured = bool((channels != channels[..., :1]).any())
    notes = (PICTURE_NOTE, COLOUR_NOTE) if coloured else (PICTURE_NOTE,)
    return np.asarray(image.convert("L"), np.float32), 255.0, notes


def grey_png(image: NDArray[np.float32], white: float) -> bytes:
    """A slice [H, W] as 8-bit PNG, for the screen: 0 is black, `white` and above is white."""
    return _png(np.round(np.clip(image / white, 0.0, 1.0) * 255.0).astype(np.uint8))


def deep_png(image: NDArray[np.float32], white: float) -> bytes:
    """The same as 16-bit PNG, for whoever goes on working with it."""
    return _png(np.round(np.clip(image / white, 0.0, 1.0) * 65_535.0).astype(np.uint16))


def _png(levels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    stream = io.BytesIO()
    # Most pages are on the same machine as their server: packing tighter takes longer than it saves.
    Image.fromarray(np.ascontiguousarray(levels)).save(stream, format="PNG", compress_level=_FAST)
    return stream.getvalue()
