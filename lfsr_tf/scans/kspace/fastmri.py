"""The HDF5 layout of fastMRI, and of M4Raw, which follows it.

A file holds `kspace`, complex, [slices, coils, H, W] (multi-coil) or [slices, H, W] (single-coil),
centred, H the readout; `reconstruction_rss` or `reconstruction_esc`, float32 [slices, h, w];
`ismrmrd_header`, XML; and the attributes `acquisition` and `patient_id` (Zbontar et al.,
arXiv:1811.08839). M4Raw (Lyu et al., Scientific Data 10, 2023, doi:10.1038/s41597-023-02181-4) has four
coils, no oversampling, k-space zero-filled to 256 x 256, one file a repetition (`2022061003_T101.h5` is
T1, repetition 1), and says the contrast in the file name where the attribute does not.

Neither says where the slices lie in the patient: the centre of the field of view is put at (0, 0, 0) and
an axial view is assumed, rows to posterior and columns to the left. The header gives the slice thickness,
no gap.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError, first_line
from lfsr_tf.scans.checks import as_float32, check_file
from lfsr_tf.scans.geometry import axial_affine
from lfsr_tf.scans.kspace.field_of_view import InPlane, image_geometry, kspace_geometry
from lfsr_tf.scans.kspace.hdf5_files import (
    OpenHdf5,
    checked_dataset,
    has_name,
    open_dataset,
    open_hdf5,
    read_attribute,
    read_text,
)
from lfsr_tf.scans.kspace.hdf5_storage import check_storage, read_array
from lfsr_tf.scans.kspace.ismrmrd_header import IsmrmrdHeader, parse_ismrmrd_header
from lfsr_tf.scans.kspace.layout import check_axes, check_image_matrix
from lfsr_tf.scans.kspace.reconstruction import reconstruct
from lfsr_tf.scans.kspace.sampling import check_mask, check_sampling
from lfsr_tf.scans.naming import contrast_from_text, stated_subject, subject_from_path
from lfsr_tf.scans.scan import Scan

_KSPACE_SHAPES = {3: "single-coil k-space [slices, H, W]", 4: "multi-coil k-space [slices, coils, H, W]"}
_IMAGE_SHAPES = {3: "images [slices, H, W]"}
_RECONSTRUCTIONS = ("reconstruction_rss", "reconstruction_esc")
_NO_HEADER = "The file has no ISMRMRD header: voxels of 1 mm are assumed and no oversampling is removed."
_NO_HEADER_BUT_IMAGE = (
    "The file has no ISMRMRD header: voxels of 1 mm are assumed and the field of view of its stored images."
)
_NO_PATIENT = "The file names no patient: the subject is taken from its path."
_NO_POSITION = "The file gives no position: axial slices around the centre of the field of view are assumed."


@dataclass(frozen=True)
class _Volume:
    """What k-space or stored images give: [slices, h, w], real, of any dtype, and its in-plane geometry."""

    images: NDArray[Any]
    geometry: InPlane
    centre: tuple[int, int]
    acquired: tuple[int, int] | None
    kspace: NDArray[np.complex64] | None
    coils: int
    notes: tuple[str, ...] = ()


def read_fastmri(path: Path) -> list[Scan]:
    """Read a file in fastMRI's or M4Raw's layout.

    k-space is preferred: centred inverse FFT, field of view cut to the header's reconSpace (which removes
    readout oversampling), root sum of squares over the coils. Without it the stored reconstruction is
    taken.

    Args:
        path: A .h5 or .hdf5 file.

    Returns:
        One scan, its voxels [rows, columns, slices]; k-space is kept in it.

    Raises:
        ScanError: Missing, empty, truncated or not HDF5; neither k-space nor a reconstruction; k-space that
            is real-valued, of other axes, not finite, or of which an inverse FFT is no image
            (`sampling`); a header that is not ISMRMRD or contradicts the data.
    """
    check_file(path)
    try:
        with open_hdf5(path) as file:
            return [_read_open(file, path)]
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, zlib.error) as error:
        raise ScanError(
            f"Expected an HDF5 file. Received: {path}, which is truncated or something else "
            f"({first_line(error)}). Copy it again."
        ) from error


def _read_open(file: OpenHdf5, path: Path) -> Scan:
    header = _header(file, path)
    volume = (
        _from_kspace(file, header, path) if has_name(file, "kspace") else _from_images(file, header, path)
    )
    voxels = np.ascontiguousarray(np.moveaxis(volume.images, 0, -1))
    centre = (*volume.centre, (voxels.shape[2] - 1) / 2)
    rows, columns = volume.geometry.spacing
    patient = stated_subject(read_attribute(file, "patient_id"))
    return Scan(
        voxels=as_float32(voxels),
        affine=axial_affine((rows, columns, volume.geometry.slice_spacing), centre),
        subject=patient or subject_from_path(path),
        contrast=_contrast(file, path),
        source=path,
        format="fastmri",
        slice_axis=2,
        acquired_matrix=volume.acquired,
        kspace=volume.kspace,
        coils=volume.coils,
        notes=(*volume.notes, _NO_POSITION, *(() if patient else (_NO_PATIENT,))),
    )


def _from_kspace(file: h5py.File, header: IsmrmrdHeader | None, path: Path) -> _Volume:
    dataset = checked_dataset(file, "kspace", _KSPACE_SHAPES, "c", path)
    notes = check_axes(dataset.shape, header, path)
    # What leaves float32's range becomes infinite, which is refused.
    with np.errstate(over="ignore", invalid="ignore"):
        kspace = read_array(dataset).astype(np.complex64, copy=False)
    coils = kspace[:, np.newaxis] if kspace.ndim == 3 else kspace
    notes += check_sampling(coils, path)
    height, width = coils.shape[-2:]
    _check_mask(file, (height, width), path)
    geometry = kspace_geometry((height, width), header)
    if header is None:
        geometry, note = _without_header(file, geometry)
        notes = (note, *notes)
    result = reconstruct(coils, geometry.shape)
    return _Volume(
        result.magnitude, geometry, result.centre, result.acquired, result.kspace, coils.shape[1], notes
    )


def _without_header(file: h5py.File, encoded: InPlane) -> tuple[InPlane, str]:
    """The field of view of the stored images, which are cut as `reconstruct` cuts; else all of k-space's."""
    name = _stored_images(file)
    stored = file.get(name) if name else None
    if not isinstance(stored, h5py.Dataset) or stored.ndim != 3:
        return encoded, _NO_HEADER
    height, width = (min(pair) for pair in zip(stored.shape[1:], encoded.shape, strict=True))
    return replace(encoded, shape=(height, width)), _NO_HEADER_BUT_IMAGE


def _stored_images(file: h5py.File) -> str | None:
    return next((name for name in _RECONSTRUCTIONS if has_name(file, name)), None)


def _from_images(file: h5py.File, header: IsmrmrdHeader | None, path: Path) -> _Volume:
    name = _stored_images(file)
    if name is None:
        advice = "Reconstruct it, or c" if isinstance(file.get("dataset"), h5py.Group) else "C"
        raise ScanError(
            f"Expected kspace, {' or '.join(_RECONSTRUCTIONS)}. Received: {path}, which holds "
            f"{', '.join(sorted(map(str, file))) or 'nothing'}. {advice}onvert it to fastMRI's layout."
        )
    dataset = checked_dataset(file, name, _IMAGE_SHAPES, "fiu", path)
    height, width = dataset.shape[-2:]
    check_image_matrix((height, width), header, path)
    geometry = image_geometry((height, width), header)
    coils = header.receiver_channels if header and name == "reconstruction_rss" else 1
    notes = () if header else (_NO_HEADER,)
    return _Volume(
        read_array(dataset), geometry, (height // 2, width // 2), geometry.acquired, None, coils, notes
    )


def _check_mask(file: h5py.File, shape: tuple[int, int], path: Path) -> None:
    if not has_name(file, "mask"):
        return
    dataset = open_dataset(file, "mask", path)
    if dataset.dtype.kind in "biuf" and dataset.size <= shape[0] * shape[1]:
        check_storage(dataset, "mask", path)
        check_mask(read_array(dataset), shape, path)


def _header(file: h5py.File, path: Path) -> IsmrmrdHeader | None:
    """The parsed header; None where it is missing or blank, which k-space and images can do without."""
    text = read_text(file, "ismrmrd_header", path) if has_name(file, "ismrmrd_header") else ""
    return parse_ismrmrd_header(text, path) if text.strip() else None


def _contrast(file: OpenHdf5, path: Path) -> str:
    stated = contrast_from_text(read_attribute(file, "acquisition"))
    return stated if stated != "unknown" else contrast_from_text(path.stem)
