"""One scan in memory: voxels with their place in the patient, and who and what they show."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.errors import ConfigError, ScanError
from lfsr_tf.scans.geometry import Plane, axis_of_plane, padded_affine, plane_of_axis, resized_affine

# Of a volume's energy. Splines overshoot below 0 beside edges, and a rescale intercept takes a stored 0 a
# rounding error below it, both by far less.
_OVERSHOOT = 0.02


# Compared by identity: arrays have no single truth value.
@dataclass(frozen=True, eq=False)
class Scan:
    """A magnitude volume and its geometry.

    Attributes:
        voxels: float32 [X, Y, Z], index order of nibabel; any intensity unit.
        affine: float64 [4, 4], voxel index to RAS+ millimetres (NIfTI's convention).
        subject: Identifier of the person; splits are made by it.
        contrast: "T1w", "T2w", "FLAIR", "PD" or "unknown".
        source: Where the scan was read from; None for a simulated one.
        format: Of the file it was read from; only a "dicom" scan can be written as DICOM.
        slice_axis: 0, 1 or 2: the axis along which slices are stacked.
        acquired_matrix: (h, w) samples that were acquired along the two in-plane axes, in the order of the
            axes, or None when the file does not say. Smaller than the slices where those were interpolated.
        kspace: complex64 [slices, coils, H, W] where the file holds it, centred, oversampling removed; H and
            W are those of `slices()`.
        coils: Number of receive coils combined by root sum of squares; 1 for a plain magnitude.
        header: What the writer of `format` needs to give back everything else (opaque to all others).
        notes: What the reader had to assume, a sentence each; shown by `inspect` and kept in sidecars.
    """

    voxels: NDArray[np.float32]
    affine: NDArray[np.float64]
    subject: str = "unknown"
    contrast: str = "unknown"
    source: Path | None = None
    format: str = "nifti"
    slice_axis: int = 2
    acquired_matrix: tuple[int, int] | None = None
    kspace: NDArray[np.complex64] | None = field(default=None, repr=False)
    coils: int = 1
    header: Any = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def voxel_sizes(self) -> tuple[float, float, float]:
        """Length of each voxel edge in millimetres."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

    @property
    def plane(self) -> Plane:
        """The plane of the slices: "axial", "coronal" or "sagittal"; the nearest one for oblique slices."""
        return plane_of_axis(self.affine, self.slice_axis)

    @property
    def in_plane_axes(self) -> tuple[int, int]:
        """The two axes of a slice, in the order of the volume's axes."""
        first, second = (axis for axis in range(3) if axis != self.slice_axis)
        return first, second

    @property
    def in_plane_spacing(self) -> tuple[float, float]:
        """Voxel sizes in millimetres along the two in-plane axes."""
        first, second = self.in_plane_axes
        return self.voxel_sizes[first], self.voxel_sizes[second]

    @functools.cached_property
    def signed(self) -> bool:
        """Whether over 2 % of the energy lies below 0: z-scores, phase-sensitive images.

        Magnitudes with less below 0, where they were interpolated or rescaled, remain magnitudes.
        """
        if not self.voxels.min(initial=0.0) < 0.0:
            return False
        # In units in which no square overflows.
        voxels = self.voxels / np.abs(self.voxels).max()
        parts = np.minimum(voxels, 0.0), voxels
        negative, total = (np.square(part).sum(dtype=np.float64) for part in parts)
        return bool(negative > _OVERSHOOT * total)

    def slices(self) -> NDArray[np.float32]:
        """The volume as [N, H, W]: slices first, then the in-plane axes in their order. A view, no copy."""
        return np.moveaxis(self.voxels, self.slice_axis, 0)

    def with_slices(self, slices: NDArray[np.float32]) -> Scan:
        """The same field of view with another in-plane matrix.

        Sample 0 keeps its place in the patient; the in-plane voxel sizes change by H / H2 and W / W2.
        Zero-filling, super-resolution and the cut to the acquired matrix all end here.

        Args:
            slices: [N, H2, W2], as many slices as this scan has.

        Returns:
            A scan with the new voxels; k-space and acquired matrix, which describe the old ones, are dropped.

        Raises:
            ScanError: The number of slices differs.
        """
        count = self.voxels.shape[self.slice_axis]
        if slices.ndim != 3 or slices.shape[0] != count:
            raise ScanError(
                f"Expected {count} slices [{count}, H, W]. Received: an array of shape {slices.shape}."
            )
        voxels = np.ascontiguousarray(np.moveaxis(slices, 0, self.slice_axis), dtype=np.float32)
        affine = resized_affine(self.affine, self.voxels.shape, voxels.shape)
        return replace(self, voxels=voxels, affine=affine, acquired_matrix=None, kspace=None)

    def padded(self, before: tuple[int, int], after: tuple[int, int]) -> Scan:
        """The scan with zeros around its slices; the origin moves back by `before` voxels.

        Args:
            before: Voxels added in front of the two in-plane axes.
            after: Voxels added behind them.

        Returns:
            A larger scan in which every old voxel keeps its place in the patient; k-space is dropped.
        """
        pads = [(0, 0)] * 3
        for axis, front, back in zip(self.in_plane_axes, before, after, strict=True):
            pads[axis] = (front, back)
        affine = padded_affine(self.affine, [front for front, _ in pads])
        return replace(
            self, voxels=np.pad(self.voxels, pads), affine=affine, acquired_matrix=None, kspace=None
        )

    def cut_along(self, slice_axis: int | str) -> Scan:
        """The same volume with its slices along another axis.

        Args:
            slice_axis: A voxel axis 0, 1 or 2, or a plane: "axial", "coronal" or "sagittal".

        Returns:
            This scan if nothing changes; otherwise one without k-space and acquired matrix, which hold for
            the plane of acquisition only.

        Raises:
            ConfigError: No such axis or plane.
        """
        axis = axis_of_plane(self.affine, slice_axis) if isinstance(slice_axis, str) else slice_axis
        if axis not in (0, 1, 2):
            raise ConfigError(f"Expected a slice axis of 0, 1 or 2. Received: {slice_axis}.")
        if axis == self.slice_axis:
            return self
        return replace(self, slice_axis=axis, acquired_matrix=None, kspace=None)
