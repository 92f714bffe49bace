"""Whether the axes of k-space are what they are taken for: [slices, coils, readout, phase encoding].

Sizes are all that tells a swapped axis, so they are held against the ISMRMRD header, and without one against
what every scanner has: no more coils than lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lfsr_tf.errors import ScanError
from lfsr_tf.scans.kspace.ismrmrd_header import IsmrmrdHeader

_ORDER = "Put the axes into the order [slices, coils, readout, phase encoding], or correct the header."


def check_axes(shape: Sequence[int], header: IsmrmrdHeader | None, path: Path) -> tuple[str, ...]:
    """Refuse k-space whose axes stand in another order, or whose header speaks of another matrix.

    Args:
        shape: [slices, coils, H, W] or, of a single coil, [slices, H, W].
        header: Of the same file, where it has one.
        path: The file, for messages.

    Returns:
        What the reader should know, a sentence each.

    Raises:
        ScanError: More coils than lines, coils along another axis, or sizes that contradict the header.
    """
    coils = shape[1] if len(shape) == 4 else 1
    if coils > min(shape[-2:]):
        raise ScanError(
            f"Expected k-space [slices, coils, H, W]. Received: {list(shape)} in {path}, more coils than "
            "lines. Move the coils to axis 1."
        )
    if header is None:
        return ()
    _check_matrix(shape, header, path)
    _check_padding(shape, header, path)
    return _check_coils(shape, header, path) if len(shape) == 4 else ()


def check_image_matrix(shape: tuple[int, int], header: IsmrmrdHeader | None, path: Path) -> None:
    """Refuse a stored image of another matrix than reconSpace: cut or resized, its pixel size is unknown.

    Raises:
        ScanError: The sizes differ, in either order.
    """
    if header is None:
        return
    columns, rows = header.recon.matrix[:2]
    if sorted(shape) != sorted((columns, rows)):
        raise ScanError(
            f"Expected images of {columns} x {rows} pixels, the header's reconSpace. Received: {shape[0]} x "
            f"{shape[1]} in {path}. Write the images' own matrix and field of view into the header."
        )


def _check_matrix(shape: Sequence[int], header: IsmrmrdHeader, path: Path) -> None:
    """Samples lie between half of the smaller and all of the larger of encodedSpace and reconSpace."""
    sizes = [(header.encoded.matrix[axis], header.recon.matrix[axis]) for axis in (0, 1)]
    limits = [(min(pair) / 2, max(pair)) for pair in sizes]
    fits = all(low <= size <= high for size, (low, high) in zip(shape[-2:], limits, strict=True))
    if fits or header.is_transposed(shape):
        return
    (encoded_x, recon_x), (encoded_y, recon_y) = sizes
    raise ScanError(
        f"Expected k-space of {encoded_x} x {encoded_y} samples, or {recon_x} x {recon_y} without "
        f"oversampling, as the header says. Received: {list(shape)} in {path}. {_ORDER}"
    )


def _check_padding(shape: Sequence[int], header: IsmrmrdHeader, path: Path) -> None:
    """Refuse partial Fourier whose missing lines were left out: its centre is not the array's centre."""
    lines, encoded = header.lines, header.encoded.matrix[1]
    stored = shape[-2] if header.is_transposed(shape) else shape[-1]
    if lines is None or stored >= encoded or stored != lines.count:
        return
    if lines.uneven > max(2, stored // 20):
        raise ScanError(
            f"Expected k-space with its centre in the middle. Received: {stored} of {encoded} lines in "
            f"{path}, whose centre is line {lines.center - lines.minimum}. Fill the missing lines with "
            "zeros, as fastMRI does."
        )


def _check_coils(shape: Sequence[int], header: IsmrmrdHeader, path: Path) -> tuple[str, ...]:
    channels, coils = header.receiver_channels, shape[1]
    if channels in (1, coils):
        return ()
    if channels == shape[0] and header.slices != shape[0]:
        raise ScanError(
            f"Expected {channels} coils along axis 1, as the header says. Received: {list(shape)} in {path}, "
            f"where {channels} is the length of axis 0. {_ORDER}"
        )
    return (f"The header names {channels} receiver channels; the file holds {coils} coils.",)
