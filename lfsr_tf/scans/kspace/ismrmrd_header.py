"""The part of an ISMRMRD header that a reader of Cartesian k-space needs: what was encoded, what is shown.

The header is XML (Inati et al., Magn Reson Med 77, 2017, doi:10.1002/mrm.26089; schema ismrmrd.xsd). x is the
readout, y the phase encoding, z the slices or the second phase encoding. fastMRI and M4Raw store it beside
k-space.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from lfsr_tf.errors import ScanError

_MAX_BYTES = 2**20
_MIN_SAMPLES, _MIN_MILLIMETRES = 1.0, 1e-3


@dataclass(frozen=True)
class EncodingSpace:
    """A box that is sampled: `encodedSpace` or `reconSpace`.

    Attributes:
        matrix: Samples along x, y, z.
        field_of_view: Millimetres along x, y, z.
    """

    matrix: tuple[int, int, int]
    field_of_view: tuple[float, float, float]


@dataclass(frozen=True)
class PhaseLines:
    """Which phase-encoding lines were acquired: `kspace_encoding_step_1`, all counted from 0."""

    minimum: int
    maximum: int
    center: int

    @property
    def extent(self) -> int:
        """Lines of the smallest centred matrix that holds all acquired ones.

        A matrix of n lines reaches n // 2 below its centre and (n - 1) // 2 above it; after partial
        Fourier the longer side counts, since it sets the resolution.
        """
        below, above = self.center - self.minimum, self.maximum - self.center
        return max(2 * below, 2 * above + 1, 1)

    @property
    def count(self) -> int:
        """Number of acquired lines."""
        return self.maximum - self.minimum + 1

    @property
    def uneven(self) -> int:
        """By how many lines one side of the centre is longer than the other."""
        return abs((self.center - self.minimum) - (self.maximum - self.center))


@dataclass(frozen=True)
class IsmrmrdHeader:
    """The geometry of one Cartesian acquisition.

    Attributes:
        encoded: What was acquired, readout oversampling included.
        recon: What is shown.
        lines: Acquired phase-encoding lines, None where the header does not say.
        receiver_channels: Coils; 1 where the header does not say.
        slices: Number of slices, None where the header does not say.
    """

    encoded: EncodingSpace
    recon: EncodingSpace
    lines: PhaseLines | None
    receiver_channels: int = 1
    slices: int | None = None

    def is_transposed(self, shape: Sequence[int]) -> bool:
        """Whether an array's last two axes are y and x, as some converters write them: sizes tell."""
        matrices = (self.encoded.matrix, self.recon.matrix)
        return any(tuple(shape[-2:]) == matrix[1::-1] != matrix[:2] for matrix in matrices)


def parse_ismrmrd_header(xml: bytes | str, path: Path | str) -> IsmrmrdHeader:
    """Read the first encoding of an ISMRMRD header.

    Args:
        xml: The XML document.
        path: The file it comes from, for messages.

    Raises:
        ScanError: Not XML, entity tricks, over 1 MiB, another trajectory than Cartesian, or without
            matrix sizes of at least 1 and fields of view of at least 0.001 mm.
    """
    try:
        if len(xml) > _MAX_BYTES:
            raise ValueError(f"it has {len(xml)} bytes")
        root = fromstring(xml)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise ScanError(
            f"Expected an ISMRMRD header in XML. Received: {path}, whose header cannot be parsed ({error}). "
            "Export the file again."
        ) from error
    trajectory = root.findtext("{*}encoding/{*}trajectory", "cartesian").strip().lower()
    if trajectory != "cartesian":
        raise ScanError(
            f"Expected Cartesian k-space. Received: {trajectory} in {path}. Reconstruct it to an image first."
        )
    channels = _count(root.findtext("{*}acquisitionSystemInformation/{*}receiverChannels", ""))
    last_slice = _count(root.findtext("{*}encoding/{*}encodingLimits/{*}slice/{*}maximum", ""))
    return IsmrmrdHeader(
        encoded=_space(root, "encodedSpace", path),
        recon=_space(root, "reconSpace", path),
        lines=_lines(root),
        receiver_channels=channels or 1,
        slices=None if last_slice is None else last_slice + 1,
    )


def _count(text: str) -> int | None:
    """A whole number of up to nine digits, None for anything else."""
    return int(text) if re.fullmatch(r"\s*[0-9]{1,9}\s*", text) else None


def _space(root: Any, name: str, path: Path | str) -> EncodingSpace:
    matrix = [_positive(root, f"{name}/matrixSize/{axis}", path, _MIN_SAMPLES) for axis in "xyz"]
    millimetres = [_positive(root, f"{name}/fieldOfView_mm/{axis}", path, _MIN_MILLIMETRES) for axis in "xyz"]
    columns, rows, slices = (int(size) for size in matrix)
    x, y, z = millimetres
    return EncodingSpace((columns, rows, slices), (x, y, z))


def _positive(root: Any, tag: str, path: Path | str, least: float) -> float:
    text = root.findtext("/".join(f"{{*}}{part}" for part in f"encoding/{tag}".split("/")))
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    # Below 1e6 in samples and in millimetres lies every scanner; NaN fails the comparison too.
    if not least <= value < 1e6:
        raise ScanError(
            f"Expected {tag} of at least {least:g} in the ISMRMRD header. "
            f"Received: {text!r} in {path}. Export the file again."
        )
    return value


def _lines(root: Any) -> PhaseLines | None:
    limits = root.find("{*}encoding/{*}encodingLimits/{*}kspace_encoding_step_1")
    if limits is None:
        return None
    try:
        minimum, maximum, center = (
            int(limits.findtext(f"{{*}}{name}")) for name in ("minimum", "maximum", "center")
        )
    except (TypeError, ValueError):
        return None
    return PhaseLines(minimum, maximum, center) if 0 <= minimum <= center <= maximum else None
