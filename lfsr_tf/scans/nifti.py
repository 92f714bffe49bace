"""NIfTI in and out (.nii, .nii.gz), with qform, sform, units and descriptions kept through a round trip."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from isal import igzip
from isal.igzip_lib import IsalError
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError, first_line
from lfsr_tf.scans.checks import check_affine, check_file, check_shape, check_stored_size
from lfsr_tf.scans.geometry import default_slice_axis
from lfsr_tf.scans.naming import contrast_from_text, not_magnitude, subject_from_path
from lfsr_tf.scans.nifti_files import image_class_of, said_once, unpacked
from lfsr_tf.scans.scan import Scan
from lfsr_tf.storage import atomic_path

# The stubs of isal take this class for an exception.
_UNPACKING: type[Exception] = IsalError  # type: ignore[assignment]
_DAMAGE = (
    ImageFileError,
    HeaderDataError,
    WrapStructError,
    OSError,
    EOFError,
    _UNPACKING,
    ValueError,
    OverflowError,
)
NIFTI_SUFFIXES = (".nii", ".nii.gz")
_SHAPES = {2: "a slice [X, Y]", 3: "a volume [X, Y, Z]", 4: "a series [X, Y, Z, T]"}
# The lowest three bits of xyzt_units: metre, millimetre, micrometre (nifti1.h); anything else counts as mm.
_MM_PER_UNIT = {1: 1000.0, 2: 1.0, 3: 0.001}
_ALIGNED, _SCANNER = 2, 1
# Intent codes (nifti1.h) of voxels whose numbers are names, or parts of a colour.
_OTHER_INTENTS = {1002: "labels", 2003: "colours", 2004: "colours"}
_SLICE_TIMES = ("slice_start", "slice_end", "slice_duration", "slice_code")
# Of xyzt_units (nifti1.h): second, millisecond, microsecond.
_TIME_BITS, _TIMES = 0x38, (8, 16, 24)
_MAX_TIME = float(np.finfo(np.float32).max)
# Bytes of voxels that are scaled at once.
_PART = 2**24


def is_nifti(path: Path) -> bool:
    """Whether the file's name says that it is NIfTI."""
    return path.name.lower().endswith(NIFTI_SUFFIXES)


def read_nifti(path: Path) -> list[Scan]:
    """Read every volume of a NIfTI-1 or NIfTI-2 file.

    Voxels are float32 with the header's slope and intercept applied. The affine is the sform's where its
    code is set, else the qform's, else nibabel's guess from the voxel sizes; units of metres or microns
    become millimetres. Slices lie along the axis that `dim_info` names, unless another has thick voxels.

    Args:
        path: A .nii or .nii.gz file of two to four axes; further ones of length 1 at the end do not count.

    Returns:
        One scan a volume, in the order of the series.

    Raises:
        ScanError: Missing, empty, truncated or not NIfTI; complex or colour voxels, or labels; one or more
            than four axes; a singular or non-finite affine.
    """
    check_file(path)
    try:
        with said_once(), unpacked(path) as stream:
            image = image_class_of(stream, path).from_stream(stream)
            _check_header(image, path)
            affine = check_affine(image.affine * _millimetres(image.header), path)
            voxels = _load(image)
    except _DAMAGE as error:
        raise ScanError(
            f"Expected a NIfTI file. Received: {path}, which is truncated or something else "
            f"({first_line(error)}). Copy it again."
        ) from error
    volumes = enumerate(np.moveaxis(voxels, 3, 0))
    return [_scan_of(volume, affine, _header_of(image.header, index), path) for index, volume in volumes]


def _check_header(image: Any, path: Path) -> None:
    dtype = image.get_data_dtype()
    if dtype.kind not in "iufb":
        kind = "colour" if dtype.kind == "V" else str(dtype)
        raise ScanError(
            f"Expected real magnitude voxels. Received: {kind} voxels in {path}. "
            "Save the magnitude as float32 or integers."
        )
    if words := _OTHER_INTENTS.get(int(image.header["intent_code"])):
        raise ScanError(
            f"Expected a magnitude image. Received: {path}, which holds {words} by its NIfTI intent code "
            f"{int(image.header['intent_code'])}. Give the image itself, or set that code to 0 if it is one."
        )
    check_shape(_shape(image), _SHAPES, path)
    declared = math.prod(image.shape) * dtype.itemsize
    check_stored_size(declared, path.stat().st_size, path, compressed=path.name.lower().endswith(".gz"))


def _shape(image: Any) -> tuple[int, ...]:
    """Without axes of length 1 behind the fourth one."""
    shape: tuple[int, ...] = image.shape
    while len(shape) > 4 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _load(image: Any) -> NDArray[np.float32]:
    """All voxels as float32 [X, Y, Z, T]; nibabel scales in float64, so a part of them at a time."""
    voxels = np.empty(image.shape, np.float32, order="F")
    axis = max((axis for axis, size in enumerate(image.shape) if size > 1), default=0)
    count = image.shape[axis]
    step = max(1, _PART * count // max(1, voxels.nbytes))
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, count, step):
            part = (slice(None),) * axis + (slice(start, start + step),)
            voxels[part] = image.dataobj[part]
    shape = _shape(image)
    return voxels.reshape(shape + (1,) * (4 - len(shape)), order="F")


def _header_of(header: Any, index: int) -> Any:
    """The header of one volume of a series, which is later than the first by as many repetition times."""
    own = header.copy()
    # Of another unit, or none, the fourth axis may count echoes, averages or frequencies.
    if int(header["xyzt_units"]) & _TIME_BITS not in _TIMES:
        return own
    moment = float(header["toffset"]) + index * float(header["pixdim"][4])
    if abs(moment) <= _MAX_TIME:
        own["toffset"] = moment
    return own


def _millimetres(header: Any) -> NDArray[np.float64]:
    scale = _MM_PER_UNIT.get(int(header["xyzt_units"]) % 8, 1.0)
    return np.array([[scale], [scale], [scale], [1.0]])


def _scan_of(voxels: NDArray[np.float32], affine: NDArray[np.float64], header: Any, path: Path) -> Scan:
    axis = default_slice_axis(voxels.shape, affine, header.get_dim_info()[2])
    return Scan(
        voxels=voxels,
        affine=affine,
        subject=subject_from_path(path),
        contrast=contrast_from_text(path.name.split(".")[0]),
        source=path,
        format="nifti",
        slice_axis=axis,
        header=header,
        notes=_notes(header, path),
    )


def _notes(header: Any, path: Path) -> tuple[str, ...]:
    notes = []
    if not (int(header["sform_code"]) or int(header["qform_code"])):
        notes.append("The header gives no orientation; the volume is taken as LAS and centred.")
    if kind := not_magnitude(path.name):
        notes.append(f"By its name the file is {kind}, and no magnitude image, for which models are trained.")
    return tuple(notes)


def write_nifti(scan: Scan, path: Path) -> None:
    """Write a scan as float32 NIfTI, under a temporary name that is renamed when it is complete.

    A scan that was read from NIfTI keeps the header's codes, units, times, descriptions and extensions; its
    qform and sform both follow the change of the voxel grid. Slice times go where slices of another plane
    were enhanced, since these were not acquired one by one. Any other scan gets qform and sform, in
    millimetres, "scanner" for DICOM and "aligned" where the place in the patient was assumed.

    Args:
        scan: Any scan.
        path: A name that ends in .nii or .nii.gz.

    Raises:
        OutputError: The file cannot be written; nothing is left behind.
    """
    read_from_nifti = isinstance(scan.header, nib.Nifti1Header)
    header = _kept_header(scan) if read_from_nifti else _new_header(scan)
    image_class = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    image = image_class(scan.voxels, header.get_best_affine(), header)
    with atomic_path(path) as temporary:
        _save(image, temporary)


def _save(image: Any, path: Path) -> None:
    # nibabel's own writer leaves a full disk's error to the garbage collector; these handles are closed here.
    with path.open("wb") as stream:
        if path.suffix.lower() != ".gz":
            image.to_stream(stream)
            return
        # No name and no time in the header: the same scan gives the same bytes. Level 3 packs as zlib's 1.
        with igzip.IGzipFile("", "wb", compresslevel=3, fileobj=stream, mtime=0) as packed:
            image.to_stream(packed)


def _new_header(scan: Scan) -> Any:
    header = nib.Nifti1Header()
    _set_grid(header, scan)
    code = _SCANNER if scan.format == "dicom" else _ALIGNED
    header.set_qform(scan.affine, code)
    header.set_sform(scan.affine, code)
    header.set_xyzt_units("mm")
    return header


def _kept_header(scan: Scan) -> Any:
    header = scan.header.copy()
    qform_code, sform_code = int(header["qform_code"]), int(header["sform_code"])
    units = _millimetres(header)
    # New voxel index to old voxel index: the same for both transforms, whatever each maps to.
    regrid = np.linalg.solve(header.get_best_affine() * units, scan.affine)
    qform, sform = _readable_qform(header), header.get_sform()
    repetition_time = float(header["pixdim"][4])
    _drop_times_of_other_slices(header, scan.voxels.shape)
    _set_grid(header, scan, units)
    header["pixdim"][4] = repetition_time
    if qform is None:
        header.set_qform(scan.affine / units, qform_code)
    elif qform_code:
        header.set_qform(qform @ regrid, qform_code)
    if sform_code:
        header.set_sform(sform @ regrid, sform_code)
    elif not qform_code and not np.allclose(header.get_base_affine() * units, scan.affine, atol=1e-4):
        # Without any code readers centre the volume, which would move sample 0.
        header.set_sform(scan.affine / units, _ALIGNED)
    return header


def _drop_times_of_other_slices(header: Any, shape: tuple[int, ...]) -> None:
    """Forget when slices were acquired, where their number changes."""
    axis = header.get_dim_info()[2]
    if axis is not None and (*header.get_data_shape(), 1)[axis] != shape[axis]:
        for name in _SLICE_TIMES:
            header[name] = 0


def _readable_qform(header: Any) -> NDArray[np.float64] | None:
    """The qform; None where its quaternion is none: longer than 1, or not finite."""
    try:
        qform = np.asarray(header.get_qform())
    except (ValueError, nib.spatialimages.HeaderDataError):
        return None
    return qform if np.isfinite(qform).all() else None


def _set_grid(header: Any, scan: Scan, units: NDArray[np.float64] | None = None) -> None:
    header.set_data_dtype(np.float32)
    header.set_data_shape(scan.voxels.shape)
    scale = 1.0 if units is None else float(units[0, 0])
    header.set_zooms([size / scale for size in scan.voxel_sizes])
    header.set_slope_inter(1.0, 0.0)
