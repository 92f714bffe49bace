"""One scan in memory: voxels with their place in the patient, and who and what they show."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

ScanFormat = Literal["nifti", "dicom", "fastmri", "numpy"]


@dataclass(frozen=True)
class Scan:
    """A magnitude volume and its geometry.

    Attributes:
        voxels: float32 [X, Y, Z], index order of nibabel; any intensity unit.
        affine: float64 [4, 4], voxel index to RAS+ millimetres (NIfTI's convention).
        subject: Identifier of the person; splits are made by it.
        contrast: "T1w", "T2w", "FLAIR", "PD" or "unknown".
        source: Where the scan was read from; None for a simulated one.
        format: Which writer gives it back.
        slice_axis: 0, 1 or 2: the axis along which slices are stacked.
        acquired_matrix: (h, w) samples that were acquired along the two in-plane axes, in the order of the axes,
            or None when the file does not say.
        kspace: complex64 [slices, coils, H, W] where the file holds it, centred, readout oversampling removed.
        coils: Number of receive coils combined by root sum of squares; 1 for a plain magnitude.
        header: What the writer of `format` needs to give back everything else (opaque to all others).
    """

    voxels: NDArray[np.float32]
    affine: NDArray[np.float64]
    subject: str = "unknown"
    contrast: str = "unknown"
    source: Path | None = None
    format: ScanFormat = "nifti"
    slice_axis: int = 2
    acquired_matrix: tuple[int, int] | None = None
    kspace: NDArray[np.complex64] | None = field(default=None, repr=False)
    coils: int = 1
    header: Any = field(default=None, repr=False)

    @property
    def voxel_sizes(self) -> tuple[float, float, float]:
        """Length of each voxel edge in millimetres."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

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

    def slices(self) -> NDArray[np.float32]:
        """The volume as [N, H, W]: slices first, then the in-plane axes in their order."""
        return np.moveaxis(self.voxels, self.slice_axis, 0)

    def with_slices(self, slices: NDArray[np.float32]) -> Scan:
        """The same field of view with another in-plane matrix.

        Sample 0 keeps its place in the patient; the in-plane voxel sizes change by H / H2 and W / W2.

        Args:
            slices: [N, H2, W2], as many slices as this scan has.

        Returns:
            A scan with the new voxels; k-space and acquired matrix, which describe the old ones, are dropped.
        """
        affine = self.affine.copy()
        for axis, old, new in zip(self.in_plane_axes, self.slices().shape[1:], slices.shape[1:], strict=True):
            affine[:3, axis] *= old / new
        voxels = np.ascontiguousarray(np.moveaxis(slices, 0, self.slice_axis), dtype=np.float32)
        return replace(self, voxels=voxels, affine=affine, acquired_matrix=None, kspace=None)
