"""Which part of the encoded field of view is shown, and how large its pixels are, by an ISMRMRD header.

Array axes are [H, W] with H the readout (header's x) and W the phase encoding (y). Pixel sizes come from
the field of view that the array covers, divided by its samples; only whole pixels are cut off.
"""

from __future__ import annotations

from dataclasses import dataclass

from lfsr_tf.scans.kspace.ismrmrd_header import IsmrmrdHeader


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
    """One in-plane axis of the header: samples and millimetres, encoded and shown, and samples acquired."""

    encoded: int
    encoded_mm: float
    recon: int
    recon_mm: float
    acquired: int

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

    def shown(self, pixels: int) -> int:
        """Acquired samples that fall to the shown field of view; no more than there are pixels."""
        return max(1, min(pixels, round(self.acquired * self.recon_mm / self.encoded_mm)))


def kspace_geometry(shape: tuple[int, int], header: IsmrmrdHeader | None) -> InPlane:
    """How to cut the images of k-space [.., H, W]; without a header pixels are 1 mm and nothing is cut."""
    if header is None:
        return InPlane(shape, (1.0, 1.0), 1.0)
    first, second = _axes(shape, header)
    (height, row_mm), (width, column_mm) = first.kept(shape[0]), second.kept(shape[1])
    return InPlane((height, width), (row_mm, column_mm), _slice_spacing(header))


def image_geometry(shape: tuple[int, int], header: IsmrmrdHeader | None) -> InPlane:
    """The pixels of a stored reconstruction [.., h, w], which covers the field of view of reconSpace."""
    if header is None:
        return InPlane(shape, (1.0, 1.0), 1.0)
    first, second = _axes(shape, header)
    spacing = (first.recon_mm / shape[0], second.recon_mm / shape[1])
    acquired = (first.shown(shape[0]), second.shown(shape[1]))
    return InPlane(shape, spacing, _slice_spacing(header), acquired)


def _axes(shape: tuple[int, int], header: IsmrmrdHeader) -> tuple[_Axis, _Axis]:
    """The array's axes in their order: readout and phase encoding, or transposed."""
    encoded, recon = header.encoded, header.recon
    readout, phase, _ = encoded.matrix
    lines = min(header.lines.extent, phase) if header.lines else phase
    x, y = (
        _Axis(
            encoded.matrix[axis],
            encoded.field_of_view[axis],
            recon.matrix[axis],
            recon.field_of_view[axis],
            acquired,
        )
        for axis, acquired in enumerate((readout, lines))
    )
    return (y, x) if header.is_transposed(shape) else (x, y)


def _slice_spacing(header: IsmrmrdHeader) -> float:
    return header.recon.field_of_view[2] / header.recon.matrix[2]
