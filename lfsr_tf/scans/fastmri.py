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

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError
from lfsr_tf.scans.checks import as_float32, check_file, check_finite, check_shape, check_stored_size
from lfsr_tf.scans.field_of_view import InPlane, image_geometry, kspace_geometry
from lfsr_tf.scans.geometry import axial_affine
from lfsr_tf.scans.ismrmrd_header import IsmrmrdHeader, parse_ismrmrd_header
from lfsr_tf.scans.naming import contrast_from_text, subject_from_path
from lfsr_tf.scans.reconstruction import reconstruct
from lfsr_tf.scans.scan import Scan

_KSPACE_SHAPES = {3: "single-coil k-space [slices, H, W]", 4: "multi-coil k-space [slices, coils, H, W]"}
_IMAGE_SHAPES = {3: "images [slices, H, W]"}
_RECONSTRUCTIONS = ("reconstruction_rss", "reconstruction_esc")
_NO_HEADER = "The file has no ISMRMRD header: voxels of 1 mm are assumed and no oversampling is removed."
_NO_POSITION = "The file gives no position: axial slices around the centre of the field of view are assumed."


@dataclass(frozen=True)
class _Volume:
    """What k-space or stored images give: [slices, h, w] and its in-plane geometry."""

    images: NDArray[np.float32]
    geometry: InPlane
    centre: tuple[int, int]
    acquired: tuple[int, int] | None
    kspace: NDArray[np.complex64] | None
    coils: int


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
        ScanError: Missing, empty, truncated or not HDF5; neither k-space nor a reconstruction;
            undersampled, NaN or real-valued k-space; a header that is not ISMRMRD.
    """
    check_file(path)
    try:
        with h5py.File(path, "r") as file:
            return [_read_open(file, path)]
    except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ScanError(
            f"Expected an HDF5 file. Received: {path}, which is truncated or something else ({reason}). "
            "Copy it again."
        ) from error


def _read_open(file: h5py.File, path: Path) -> Scan:
    header = _header(file, path)
    volume = _from_kspace(file, header, path) if "kspace" in file else _from_images(file, header, path)
    voxels = np.ascontiguousarray(np.moveaxis(volume.images, 0, -1))
    centre = (*volume.centre, (voxels.shape[2] - 1) / 2)
    rows, columns = volume.geometry.spacing
    return Scan(
        voxels=as_float32(voxels),
        affine=axial_affine((rows, columns, volume.geometry.slice_spacing), centre),
        subject=_text(file, "patient_id") or subject_from_path(path),
        contrast=_contrast(file, path),
        source=path,
        format="fastmri",
        slice_axis=2,
        acquired_matrix=volume.acquired,
        kspace=volume.kspace,
        coils=volume.coils,
        notes=(_NO_POSITION,) if header else (_NO_HEADER, _NO_POSITION),
    )


def _from_kspace(file: h5py.File, header: IsmrmrdHeader | None, path: Path) -> _Volume:
    kspace = _array(file, "kspace", _KSPACE_SHAPES, "c", path)
    check_finite(kspace, path)
    _check_fully_sampled(file, path)
    coils = np.asarray(kspace, np.complex64)
    coils = coils[:, np.newaxis] if coils.ndim == 3 else coils
    geometry = kspace_geometry((coils.shape[-2], coils.shape[-1]), header)
    result = reconstruct(coils, geometry.shape)
    return _Volume(result.magnitude, geometry, result.centre, result.acquired, result.kspace, coils.shape[1])


def _from_images(file: h5py.File, header: IsmrmrdHeader | None, path: Path) -> _Volume:
    name = next((name for name in _RECONSTRUCTIONS if name in file), None)
    if name is None:
        raise ScanError(
            f"Expected kspace, {' or '.join(_RECONSTRUCTIONS)}. Received: {path}, which holds "
            f"{', '.join(sorted(map(str, file))) or 'nothing'}. Convert it to fastMRI's layout."
        )
    images = np.asarray(_array(file, name, _IMAGE_SHAPES, "fiu", path))
    height, width = images.shape[-2:]
    geometry = image_geometry((height, width), header)
    coils = header.receiver_channels if header and name == "reconstruction_rss" else 1
    return _Volume(images, geometry, (height // 2, width // 2), geometry.acquired, None, coils)


def _array(file: h5py.File, name: str, shapes: dict[int, str], kinds: str, path: Path) -> NDArray[Any]:
    """A dataset, read only after its shape, type and stored size have been found right."""
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in kinds:
        expected = "complex" if kinds == "c" else "real"
        found = getattr(dataset, "dtype", "a group")
        raise ScanError(f"Expected {expected} {name}. Received: {found} in {path}. Convert the file.")
    check_shape(dataset.shape, shapes, f"{name} of {path}")
    stored = dataset.id.get_storage_size()
    check_stored_size(dataset.nbytes, stored, f"{name} of {path}", compressed=dataset.chunks is not None)
    return np.asarray(dataset[()])


def _check_fully_sampled(file: h5py.File, path: Path) -> None:
    """Refuse the accelerated files of the challenge's test sets: an inverse FFT of them folds over."""
    mask = file.get("mask")
    if not isinstance(mask, h5py.Dataset) or mask.size > 2**20 or mask.dtype.kind not in "biuf":
        return
    sampled = np.flatnonzero(np.asarray(mask[()]).ravel())
    if sampled.size and sampled.size < sampled[-1] - sampled[0] + 1:
        raise ScanError(
            f"Expected fully sampled k-space. Received: {path}, whose mask keeps {sampled.size} of "
            f"{mask.size} lines. Reconstruct it with parallel imaging first."
        )


def _header(file: h5py.File, path: Path) -> IsmrmrdHeader | None:
    dataset = file.get("ismrmrd_header")
    if not isinstance(dataset, h5py.Dataset) or dataset.size != 1:
        return None
    # Asked before reading: HDF5's library can crash on a damaged variable-length type that is no string.
    if h5py.check_string_dtype(dataset.dtype) is None:
        raise ScanError(
            f"Expected an ISMRMRD header in XML. Received: {dataset.dtype} in {path}. Export it again."
        )
    text = np.asarray(dataset[()]).item()
    return parse_ismrmrd_header(text, path) if text.strip() else None


def _contrast(file: h5py.File, path: Path) -> str:
    stated = contrast_from_text(_text(file, "acquisition"))
    return stated if stated != "unknown" else contrast_from_text(path.stem)


def _text(file: h5py.File, attribute: str) -> str:
    """A short attribute as text; empty where it is missing or of a type that is neither text nor number."""
    if attribute not in file.attrs:
        return ""
    dtype = file.attrs.get_id(attribute).dtype
    if h5py.check_string_dtype(dtype) is None and dtype.kind not in "iuf":
        return ""
    value = np.asarray(file.attrs[attribute])
    if value.size != 1:
        return ""
    single = value.item()
    return single.decode("utf-8", "replace").strip() if isinstance(single, bytes) else str(single).strip()
