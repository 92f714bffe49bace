"""Plain arrays: .npy, and .npz with names for what a .npy cannot say. Nothing pickled is ever loaded.

| array | axes | meaning |
|---|---|---|
| real, 2 axes | [H, W] | one slice |
| real, 3 axes | [slices, H, W] | a volume |
| real, 4 axes | [volumes, slices, H, W] | a series |
| complex, 2 axes | [H, W] | k-space of one slice, one coil |
| complex, 3 axes | [coils, H, W] | k-space of one slice |
| complex, 4 axes | [slices, coils, H, W] | k-space of a volume |

K-space is centred; its image is the root sum of squares of the centred inverse FFTs. A .npz holds one
array called `image` or `kspace` (or anything else, if it is the only one) and may hold `voxel_sizes`
(millimetres between rows, columns, slices), `affine` (4 x 4, of the scan's voxels [H, W, slices]),
`subject` and `contrast`. Voxels without sizes count as 1 mm; without an affine, axial slices around (0, 0,
0) are assumed, as for HDF5.
"""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError, first_line
from lfsr_tf.scans.checks import (
    as_float32,
    check_affine,
    check_file,
    check_shape,
    check_stored_size,
)
from lfsr_tf.scans.geometry import axial_affine
from lfsr_tf.scans.kspace.layout import check_axes
from lfsr_tf.scans.kspace.reconstruction import reconstruct
from lfsr_tf.scans.kspace.sampling import check_sampling
from lfsr_tf.scans.naming import contrast_from_text, subject_from_path
from lfsr_tf.scans.scan import Scan

_IMAGE_SHAPES = {2: "a slice [H, W]", 3: "a volume [slices, H, W]", 4: "a series [volumes, slices, H, W]"}
_KSPACE_SHAPES = {2: "k-space [H, W]", 3: "[coils, H, W]", 4: "[slices, coils, H, W]"}
_NUMBERS = "iufcb"
_EXTRAS = {"voxel_sizes": "iuf", "affine": "iuf", "subject": "U", "contrast": "U"}
"""Names that a .npz may hold beside its image, and the kinds of dtype they may have."""

_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAX_HEADER = 2**16
_NO_SIZES = "The array has no voxel sizes: 1 mm is assumed."
_NO_POSITION = "The array has no position: axial slices around the centre of the field of view are assumed."
_DAMAGE = (
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class _Place:
    """What a .npz says beside its image."""

    voxel_sizes: tuple[float, float, float] | None = None
    affine: NDArray[np.float64] | None = None
    subject: str | None = None
    contrast: str | None = None


def read_numpy(path: Path) -> list[Scan]:
    """Read a .npy or .npz file by the rules of this module.

    Returns:
        One scan a volume, its voxels [rows, columns, slices]; k-space is kept in it.

    Raises:
        ScanError: Missing, empty, truncated or not NumPy; pickled objects; text or record types; one or
            more than four axes; NaN k-space; a .npz without a single image.
    """
    check_file(path)
    try:
        if path.suffix.lower() == ".npz":
            array, place = _load_npz(path)
        else:
            with path.open("rb") as stream:
                array, place = _load_npy(stream, path.stat().st_size, _NUMBERS, path), _Place()
    except _DAMAGE as error:
        raise ScanError(
            f"Expected a NumPy file. Received: {path}, which is truncated or something else "
            f"({first_line(error)}). Save it again with numpy.save."
        ) from error
    if array.dtype.kind == "c":
        return [_scan_of_kspace(array, place, path)]
    check_shape(array.shape, _IMAGE_SHAPES, path)
    series = array.reshape((1,) * (4 - array.ndim) + array.shape)
    return [_scan_of_images(volume, place, path) for volume in series]


def _load_npz(path: Path) -> tuple[NDArray[Any], _Place]:
    with zipfile.ZipFile(path) as archive:
        names = {Path(info.filename).stem: info for info in archive.infolist()}
        _check_entries(archive.infolist(), path)
        images = [name for name in names if name not in _EXTRAS]
        chosen = [name for name in ("kspace", "image") if name in names] or images
        if len(chosen) != 1:
            raise ScanError(
                f"Expected one array called image or kspace. Received: {sorted(names)} in {path}. "
                "Save the others elsewhere."
            )
        loaded = {}
        for name in (chosen[0], *(extra for extra in _EXTRAS if extra in names)):
            info = names[name]
            # The archive's table may claim any size of its entries.
            stored = min(info.compress_size, path.stat().st_size)
            packed = info.compress_type != zipfile.ZIP_STORED
            check_stored_size(info.file_size, stored, path, compressed=packed)
            with archive.open(info) as stream:
                loaded[name] = _load_npy(stream, info.file_size, _EXTRAS.get(name, _NUMBERS), path)
    return loaded[chosen[0]], _place(loaded, path)


def _check_entries(entries: Sequence[zipfile.ZipInfo], path: Path) -> None:
    """Refuse two entries of one name, and packings that unfold a block as a whole, however large it is."""
    stems = [Path(info.filename).stem for info in entries]
    if len(set(stems)) < len(stems):
        raise ScanError(
            f"Expected arrays of different names. Received: {sorted(stems)} in {path}. Save it again."
        )
    if any(info.compress_type not in _PACKINGS for info in entries):
        raise ScanError(
            f"Expected arrays that are stored or deflated. Received: {path}, packed otherwise. Save it again "
            "with numpy.savez_compressed."
        )


def _load_npy(stream: IO[bytes], size: int, kinds: str, path: Path) -> NDArray[Any]:
    """One array, after its header has been found to promise no more than the `size` bytes that are there."""
    shape, _, dtype = _read_header(stream)
    if dtype.hasobject or dtype.kind not in kinds:
        expected = "text" if kinds == "U" else "numbers"
        raise ScanError(
            f"Expected {expected}. Received: {dtype} in {path}. Save a plain array; nothing is unpickled."
        )
    check_stored_size(math.prod(shape) * dtype.itemsize, size, path, compressed=False)
    stream.seek(0)
    return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    start = stream.tell()
    length = int.from_bytes(stream.read(2 if version == (1, 0) else 4), "little")
    # NumPy reads the whole header, of up to 4 GiB, before it finds it too long.
    if length > _MAX_HEADER:
        raise ValueError(f"its header claims {length} bytes")
    stream.seek(start)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    return np.lib.format.read_array_header_2_0(stream)


def _place(loaded: dict[str, NDArray[Any]], path: Path) -> _Place:
    sizes, affine = loaded.get("voxel_sizes"), loaded.get("affine")
    if sizes is not None and (sizes.shape != (3,) or not np.all(np.isfinite(sizes) & (sizes > 0))):
        raise ScanError(
            f"Expected three positive voxel_sizes in mm. Received: {sizes.tolist()} in {path}. Save it again."
        )
    return _Place(
        voxel_sizes=None if sizes is None else (float(sizes[0]), float(sizes[1]), float(sizes[2])),
        affine=None if affine is None else check_affine(affine, path),
        subject=str(loaded["subject"].item()) if "subject" in loaded else None,
        contrast=str(loaded["contrast"].item()) if "contrast" in loaded else None,
    )


def _scan_of_images(images: NDArray[Any], place: _Place, path: Path) -> Scan:
    centre = (images.shape[1] // 2, images.shape[2] // 2)
    return _scan_of(images, centre, place, path)


def _scan_of_kspace(array: NDArray[Any], place: _Place, path: Path) -> Scan:
    check_shape(array.shape, _KSPACE_SHAPES, path)
    with np.errstate(over="ignore", invalid="ignore"):
        kspace = array.reshape((1,) * (4 - array.ndim) + array.shape).astype(np.complex64)
    notes = (*check_axes(kspace.shape, None, path), *check_sampling(kspace, path))
    result = reconstruct(kspace, (kspace.shape[2], kspace.shape[3]))
    found = {"kspace": kspace, "coils": kspace.shape[1], "acquired_matrix": result.acquired}
    scan = _scan_of(result.magnitude, result.centre, place, path, **found)
    return replace(scan, notes=(*notes, *scan.notes))


def _scan_of(images: NDArray[Any], centre: tuple[int, int], place: _Place, path: Path, **found: Any) -> Scan:
    voxels = np.ascontiguousarray(np.moveaxis(images, 0, -1))
    affine = place.affine
    if affine is None:
        affine = axial_affine(place.voxel_sizes or (1.0, 1.0, 1.0), (*centre, (voxels.shape[2] - 1) / 2))
    no_sizes = place.affine is None and place.voxel_sizes is None
    return Scan(
        voxels=as_float32(voxels),
        affine=affine,
        subject=place.subject or subject_from_path(path),
        contrast=place.contrast or contrast_from_text(path.stem),
        source=path,
        format="numpy",
        slice_axis=2,
        notes=(_NO_SIZES,) * no_sizes + (_NO_POSITION,) * (place.affine is None),
        **found,
    )
