"""Which part of the encoded field of view is shown, and how large its pixels are, by an ISMRMRD header.

Array axes are [H, W] with H the readout (header's x) and W the phase encoding (y). Pixel sizes come from
the field of view that the array covers, divided by its samples; only whole pixels are cut off.
"""

from __future__ import annotations

from dataclasses import dataclass

from lfsr_tf.scans.ismrmrd_header import IsmrmrdHeader


@dataclass(frozen=True)
class InPlane:
    """The geometry of the images that a file gives.

    Attributes:
        shape: (h, w) pixels to keep.
        spacing: (row, column) millimetres between pixels.
        slice_spacing: Millimetres between slices; the thickness, since the header knows no gap.
        acquired: (h, w) acquired samples over that field of view, None where the header does not say.
    """

    shape: tuple[int, int]
    spacing: tuple[float, float]
    slice_spacing: float
    acquired: tuple[int, int] | None = None


@dataclass(frozen=True)
class _Axis:
    """One in-plane axis of the header: samples and millimetres, encoded and shown."""

    encoded: int
    encoded_mm: float
    recon: int
    recon_mm: float

    def kept(self, samples: int) -> tuple[int, float]:
        """Pixels to keep of `samples` encoded ones, and their size in millimetres."""
        if samples == self.recon != self.encoded:
            # The oversampling was removed before the file was written.
            return samples, self.recon_mm / samples
        pixel = self.encoded_mm / samples
        wanted = min(samples, round(self.recon_mm / pixel))
        # Fields of view are rounded in many headers: one pixel beside the stated matrix means that matrix.
        near = self.recon <= samples and abs(wanted - self.recon) <= max(1, self.recon // 100)
        return (self.recon if near else wanted), pixel


def kspace_geometry(shape: tuple[int, int], header: IsmrmrdHeader | None) -> InPlane:
    """How to cut the images of k-space [.., H, W]; without a header pixels are 1 mm and nothing is cut."""
    if header is None:
        return InPlane(shape, (1.0, 1.0), 1.0)
    x, y = _axes(shape, header)
    (height, row_mm), (width, column_mm) = x.kept(shape[0]), y.kept(shape[1])
    return InPlane((height, width), (row_mm, column_mm), _slice_spacing(header))


def image_geometry(shape: tuple[int, int], header: IsmrmrdHeader | None) -> InPlane:
    """The pixels of a stored reconstruction [.., h, w], which covers the field of view of reconSpace."""
    if header is None:
        return InPlane(shape, (1.0, 1.0), 1.0)
    x, y = _axes(shape, header)
    spacing = (x.recon_mm / shape[0], y.recon_mm / shape[1])
    lines = header.lines.extent if header.lines else y.encoded
    acquired = (
        _share(x.encoded, x, shape[0]),
        _share(min(lines, y.encoded), y, shape[1]),
    )
    return InPlane(shape, spacing, _slice_spacing(header), acquired)


def _share(samples: int, axis: _Axis, pixels: int) -> int:
    """Acquired samples that fall to the shown field of view; no more than there are pixels."""
    return max(1, min(pixels, round(samples * axis.recon_mm / axis.encoded_mm)))


def _axes(shape: tuple[int, int], header: IsmrmrdHeader) -> tuple[_Axis, _Axis]:
    x, y = (
        _Axis(
            header.encoded.matrix[axis],
            header.encoded.field_of_view[axis],
            header.recon.matrix[axis],
            header.recon.field_of_view[axis],
        )
        for axis in (0, 1)
    )
    for sizes in ((x.encoded, y.encoded), (x.recon, y.recon)):
        # Files of other converters put the phase encoding first; matching sizes tell.
        if shape == sizes[::-1] and shape != sizes:
            return y, x
    return x, y


def _slice_spacing(header: IsmrmrdHeader) -> float:
    return header.recon.field_of_view[2] / header.recon.matrix[2]
