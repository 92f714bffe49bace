"""Where voxels lie in the patient: planes, and affines of padded, cropped, resized and header-less volumes.

Affines are NIfTI's: voxel index (i, j, k) to RAS+ millimetres (x to the right, y to anterior, z to superior),
the position being that of the voxel's centre. No function changes its argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lfsr_tf.errors import ConfigError

Plane = Literal["sagittal", "coronal", "axial"]
"""The plane of a slice; its place here is the patient axis (R, A, S) that slices are stacked along."""

THICK_SLICE_RATIO = 1.25
"""Slices count as thick from this ratio on; voxel sizes of isotropic scans may differ by a few per cent."""


def voxel_to_world(affine: NDArray[np.float64], indices: ArrayLike) -> NDArray[np.float64]:
    """Positions [..., 3] in millimetres of voxel indices [..., 3], which may be fractional."""
    return np.asarray(indices, dtype=np.float64) @ affine[:3, :3].T + affine[:3, 3]


def padded_affine(affine: NDArray[np.float64], before: Sequence[int]) -> NDArray[np.float64]:
    """The affine of a volume that got `before` voxels in front of each axis (negative: lost as many).

    The old voxel 0 becomes voxel `before`, so the origin moves back by that many voxels.
    """
    moved = affine.copy()
    moved[:3, 3] = voxel_to_world(affine, [-pad for pad in before])
    return moved


def resized_affine(
    affine: NDArray[np.float64], old: Sequence[int], new: Sequence[int]
) -> NDArray[np.float64]:
    """The affine of a volume of another matrix over the same field of view, sample 0 staying where it is.

    This is what a crop of k-space or zero-filling does: voxel sizes change by old / new along each axis, and
    sample n of the new matrix lies n * old / new old samples from sample 0.
    """
    resized = affine.copy()
    resized[:3, :3] *= np.asarray(old, np.float64) / np.asarray(new, np.float64)
    return resized


def axial_affine(
    spacing: tuple[float, float, float], centre: tuple[float, float, float]
) -> NDArray[np.float64]:
    """The affine given to a stack of images whose file says nothing of its place in the patient.

    A radiologist's axial view is assumed, as in a standard axial DICOM series: rows run to posterior,
    columns to the patient's left, slices to superior.

    Args:
        spacing: Millimetres between rows, columns and slices.
        centre: Voxel index (row, column, slice), which may be fractional, that is put at (0, 0, 0).
    """
    rows, columns, slices = spacing
    affine = np.eye(4)
    affine[:3, :3] = [[0.0, -columns, 0.0], [-rows, 0.0, 0.0], [0.0, 0.0, slices]]
    affine[:3, 3] = -affine[:3, :3] @ np.asarray(centre, np.float64)
    return affine


def plane_of_axis(affine: NDArray[np.float64], axis: int) -> Plane:
    """The plane of slices that are stacked along voxel axis `axis`; oblique ones get the nearest plane."""
    planes = get_args(Plane)
    nearest: Plane = planes[_patient_axes(affine)[axis]]
    return nearest


def axis_of_plane(affine: NDArray[np.float64], plane: str) -> int:
    """The voxel axis along which slices of `plane` are stacked.

    Raises:
        ConfigError: The plane is not "sagittal", "coronal" or "axial".
    """
    planes = get_args(Plane)
    if plane not in planes:
        raise ConfigError(f"Expected a plane of {', '.join(planes)}. Received: {plane!r}.")
    return _patient_axes(affine).index(planes.index(plane))


def default_slice_axis(shape: Sequence[int], affine: NDArray[np.float64], stated: int | None = None) -> int:
    """The axis along which a volume was most likely acquired slice by slice.

    A single slice is stacked along its axis of length 1; thick slices along the axis of the largest voxel
    size; the slices of a (nearly) isotropic volume along the stated axis, and axially without one.

    Args:
        shape: Voxels along the three axes.
        affine: Of the volume.
        stated: The axis that the file names. The voxels' own word comes first: programs that turn a volume
            often leave this one as it was.
    """
    flat = [axis for axis, size in enumerate(shape) if size == 1]
    if len(flat) == 1:
        return flat[0]
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    thickest = int(np.argmax(sizes))
    if sizes[thickest] >= THICK_SLICE_RATIO * np.median(sizes):
        return thickest
    return axis_of_plane(affine, "axial") if stated is None else stated


def _patient_axes(affine: NDArray[np.float64]) -> list[int]:
    """For each voxel axis the patient axis (0 R, 1 A, 2 S) that it is nearest to, each given once."""
    directions = np.abs(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))
    nearest = [-1, -1, -1]
    for _ in range(3):
        # The closest pair first, so that an oblique volume never has one plane twice.
        patient, voxel = np.unravel_index(np.argmax(directions), (3, 3))
        nearest[int(voxel)] = int(patient)
        directions[patient, :] = directions[:, voxel] = -1.0
    return nearest
