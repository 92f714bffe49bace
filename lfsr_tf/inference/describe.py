"""What a scan is, before anything is done to it: the facts that `lfsr inspect` shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.inference.cautions import rim_warning
from lfsr_tf.inference.matrix import Matrix
from lfsr_tf.inference.noise import measure_noise
from lfsr_tf.inference.spectrum import AxisSpectrum, occupied_matrix
from lfsr_tf.physics.intensity import reference_intensity
from lfsr_tf.scans.scan import Scan

TISSUE_LEVEL = 0.2
"""Voxels above this part of the reference intensity count as tissue in the SNR."""


@dataclass(frozen=True)
class ScanFacts:
    """One volume.

    Attributes:
        format: "nifti", "dicom", "fastmri" or "numpy".
        subject: Identifier of the person.
        contrast: "T1w", "T2w", "FLAIR", "PD" or "unknown".
        matrix: Voxels along the three axes.
        voxel_sizes_mm: Along the three axes.
        orientation: Where the axes point to, for example "RAS".
        plane: Of the slices.
        slice_axis: Axis that the slices are stacked along.
        slices: Their number.
        origin_mm: Centre of voxel 0, RAS+.
        coils: Receive coils that the magnitude was combined from.
        has_kspace: Whether the file holds k-space.
        reference_intensity: 99.9th percentile of the voxels, in the scan's unit.
        sigma: Noise of one channel in the scan's unit; None when it cannot be told.
        sigma_relative: Noise over the reference intensity, as models are trained for.
        noise_method: "background", "out-of-phase", "high-pass" or "unknown".
        noise_reason: Where the figure comes from, or why there is none.
        snr: Median tissue signal over sigma (amplitudes).
        acquired_matrix: What the file says; None when it says nothing.
        spectrum: What the spectrum shows along the two in-plane axes.
        warnings: What to know before using the scan, a sentence each.
    """

    format: str
    subject: str
    contrast: str
    matrix: tuple[int, int, int]
    voxel_sizes_mm: tuple[float, float, float]
    orientation: str
    plane: str
    slice_axis: int
    slices: int
    origin_mm: tuple[float, float, float]
    coils: int
    has_kspace: bool
    reference_intensity: float
    sigma: float | None
    sigma_relative: float | None
    noise_method: str
    noise_reason: str
    snr: float | None
    acquired_matrix: Matrix | None
    spectrum: tuple[AxisSpectrum, AxisSpectrum]
    warnings: tuple[str, ...]


def describe_scan(scan: Scan) -> ScanFacts:
    """Measure a scan.

    Args:
        scan: As read.

    Returns:
        Its facts; plain values, ready for JSON.
    """
    noise = measure_noise(scan)
    reference = float(reference_intensity(tf.constant(scan.voxels)))
    spectrum = occupied_matrix(scan, noise.sigma)
    height, width = (scan.voxels.shape[axis] for axis in scan.in_plane_axes)
    rim = rim_warning(spectrum, scan.acquired_matrix or (height, width))
    return ScanFacts(
        **_geometry(scan),
        format=scan.format,
        subject=scan.subject,
        contrast=scan.contrast,
        coils=scan.coils,
        has_kspace=scan.kspace is not None,
        reference_intensity=reference,
        sigma=noise.sigma,
        sigma_relative=noise.sigma / reference if noise.sigma is not None and reference > 0 else None,
        noise_method=noise.method,
        noise_reason=noise.reason,
        snr=_tissue_snr(scan.voxels, reference, noise.sigma),
        acquired_matrix=scan.acquired_matrix,
        spectrum=spectrum,
        warnings=(*scan.notes, *([rim] if rim is not None else [])),
    )


def _geometry(scan: Scan) -> dict[str, Any]:
    return {
        "matrix": tuple(scan.voxels.shape),
        "voxel_sizes_mm": scan.voxel_sizes,
        "orientation": "".join(nib.aff2axcodes(scan.affine)),
        "plane": scan.plane,
        "slice_axis": scan.slice_axis,
        "slices": scan.voxels.shape[scan.slice_axis],
        "origin_mm": tuple(float(value) for value in scan.affine[:3, 3]),
    }


def _tissue_snr(voxels: NDArray[np.float32], reference: float, sigma: float | None) -> float | None:
    tissue = voxels[voxels > TISSUE_LEVEL * reference]
    if not sigma or tissue.size == 0:
        return None
    return float(np.median(tissue)) / sigma
