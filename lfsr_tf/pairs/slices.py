"""From any scan to HR slices: a square field of view, a k-space crop, the volume's intensity scale."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.physics.acquisition import simulate_acquisition
from lfsr_tf.physics.intensity import reference_intensity
from lfsr_tf.physics.sampling import Shape2D, fourier_downsample_magnitude
from lfsr_tf.scans.scan import Scan

# Slices of one scan that are transformed together; bounds the memory, not the result.
_BATCH = 16
_SMALLEST = 16


@dataclass(frozen=True, eq=False)
class HrSlices:
    """The ground truth that one volume gives.

    Attributes:
        images: float32 [n, S, S], magnitude, divided by `reference`.
        indices: int64 [n], each image's place in the stack of the scan, counted before empty slices were
            dropped.
        head_fraction: float32 [n], fraction of pixels that belong to the head.
        reference: 99.9th percentile of the noise-free LR volume, in the scan's own units.
        spacing_mm: HR voxel sizes in millimetres along H and W.
        affine: float64 [4, 4], voxel indices of the whole resampled volume to RAS+ millimetres; padding moved
            its origin.
        subject: Identifier of the person.
        contrast: For example "T1w".
    """

    images: NDArray[np.float32]
    indices: NDArray[np.int64]
    head_fraction: NDArray[np.float32]
    reference: float
    spacing_mm: tuple[float, float]
    affine: NDArray[np.float64]
    subject: str
    contrast: str


@dataclass(frozen=True)
class HrSteps:
    """The three steps from the slices of a scan to HR slices, in samples along H and W.

    Attributes:
        acquired: First, k-space is cut to this matrix, the one that was acquired.
        before: Then zeros are put in front of the image, to a square field of view,
        after: and behind it.
        size: Last, k-space is cut to this matrix.
    """

    acquired: Shape2D
    before: Shape2D
    after: Shape2D
    size: Shape2D


def hr_slices(scan: Scan, config: PairsConfig) -> HrSlices:
    """Take the slices of a scan to S x S pixels, drop those without a head, and normalise the rest.

    The intensity unit is the 99.9th percentile of the whole noise-free LR volume: the unit in which sigma is
    given, and, but for the noise, the one that inference finds from a low-field scan alone.

    Args:
        scan: One volume, any matrix and voxel size.
        config: Plane, size, thresholds.

    Returns:
        The slices, possibly none if the scan shows no head.

    Raises:
        ScanError: The scan is smaller than the HR size, empty, not finite, or signed.
    """
    scan = hr_scan(scan, config)
    reference = low_resolution_reference(scan, config)
    images = scan.slices() / np.float32(reference)
    head = (images > config.head_threshold).mean(axis=(1, 2), dtype=np.float32)
    kept = np.flatnonzero((head > 0.0) & (head >= config.min_head_fraction))
    return HrSlices(
        images=np.ascontiguousarray(images[kept]),
        indices=kept.astype(np.int64),
        head_fraction=head[kept],
        reference=reference,
        spacing_mm=scan.in_plane_spacing,
        affine=scan.affine,
        subject=scan.subject,
        contrast=scan.contrast,
    )


def hr_scan(scan: Scan, config: PairsConfig) -> Scan:
    """The whole scan as HR slices of S x S pixels over a square field of view, in its own intensity units.

    Raises:
        ScanError: The scan has fewer pixels than the HR size, and `small_images` refuses that; or its values
            are signed, and their magnitude would be another image.
    """
    if scan.signed:
        raise ScanError(
            f"Expected magnitudes. Received: {scan.source}, with values down to {scan.voxels.min():.4g}. "
            "Undo the z-score or the phase-sensitive reconstruction."
        )
    if config.plane != "acquired":
        scan = scan.cut_along(config.plane)
    steps = hr_steps(scan, config)
    scan = resize_scan(scan, steps.acquired).padded(steps.before, steps.after)
    return resize_scan(scan, steps.size)


def hr_steps(scan: Scan, config: PairsConfig) -> HrSteps:
    """What takes the slices of a scan to HR slices, whether these are magnitudes or complex images.

    Raises:
        ScanError: The scan has fewer pixels than the HR size, and `small_images` refuses that.
    """
    # Scanner interpolation adds pixels but no detail: such an image is as small as its acquired matrix.
    acquired = _true_matrix(scan)
    sizes = zip(scan.in_plane_spacing, scan.slices().shape[1:], acquired, strict=True)
    height, width = (step * full / size for step, full, size in sizes)
    before, after = _square_padding(acquired, (height, width))
    padded = acquired[0] + before[0] + after[0], acquired[1] + before[1] + after[1]
    return HrSteps(acquired, before, after, _slice_size(padded, scan, config))


def _square_padding(matrix: Shape2D, spacing: tuple[float, float]) -> tuple[Shape2D, Shape2D]:
    """Zeros before and after an image that make its field of view square, half of them on each side.

    Pixels may be oblong: then the padded matrix is not square, but its field of view is, to within half a
    voxel.
    """
    view = max(size * step for size, step in zip(matrix, spacing, strict=True))
    missing = [max(round(view / step) - size, 0) for size, step in zip(matrix, spacing, strict=True)]
    before = missing[0] // 2, missing[1] // 2
    return before, (missing[0] - before[0], missing[1] - before[1])


def resize_scan(scan: Scan, shape: Shape2D) -> Scan:
    """Keep the central block of every slice's k-space and take the magnitude; sample 0 stays in its place.

    Args:
        scan: A scan whose slices have at least (h, w) pixels.
        shape: (h, w) of the result.

    Returns:
        The scan with [N, h, w] slices and larger voxels.
    """
    stack = scan.slices()
    if stack.shape[1:] == shape:
        return scan
    return scan.with_slices(_in_batches(_compiled_resize(shape), stack))


def low_resolution_reference(scan: Scan, config: PairsConfig) -> float:
    """The 99.9th percentile of the noise-free LR volume of this HR volume, in its own units.

    Args:
        scan: Of `hr_scan`.
        config: Scale, and what the scanner does; phase and shading, which each image has of its own, do not
            count.

    Raises:
        ScanError: The scan is empty or not finite.
    """
    reference = float(reference_intensity(_low_resolution(scan, config)))
    if not np.isfinite(reference) or reference <= 0.0:
        raise ScanError(
            f"Expected a scan with signal. Received: {scan.source}, whose brightest thousandth starts at "
            f"{reference}."
        )
    return reference


def _low_resolution(scan: Scan, config: PairsConfig) -> NDArray[np.float32]:
    stack, acquisition = scan.slices(), replace(config.acquisition, phase=False, bias_field=0.0)
    shape = stack.shape[1] // config.scale, stack.shape[2] // config.scale
    if not (acquisition.apodisation or acquisition.elliptical or acquisition.t2_decay):
        return resize_scan(scan, shape).slices()

    def without_noise(images: tf.Tensor) -> tf.Tensor:
        no_noise, seeds = tf.zeros([len(images)]), tf.zeros([len(images), 2], tf.int32)
        return simulate_acquisition(images, no_noise, seeds, shape, acquisition)

    return _in_batches(without_noise, stack)


def _in_batches(
    function: Callable[[tf.Tensor], tf.Tensor], stack: NDArray[np.float32]
) -> NDArray[np.float32]:
    batches = (tf.constant(stack[start : start + _BATCH]) for start in range(0, len(stack), _BATCH))
    return np.concatenate([function(batch).numpy() for batch in batches])


@functools.lru_cache(maxsize=16)
def _compiled_resize(shape: Shape2D) -> Any:
    """The resize from any matrix as one graph: half the time of its operations one by one."""

    def resize(batch: tf.Tensor) -> tf.Tensor:
        return fourier_downsample_magnitude(batch, shape)

    signature = [tf.TensorSpec([None, None, None], tf.float32)]
    return tf.function(resize, input_signature=signature, autograph=False).get_concrete_function()


def _true_matrix(scan: Scan) -> Shape2D:
    height, width = scan.slices().shape[1:]
    acquired = scan.acquired_matrix or (height, width)
    return min(height, acquired[0]), min(width, acquired[1])


def _slice_size(matrix: Shape2D, scan: Scan, config: PairsConfig) -> Shape2D:
    if min(matrix) >= config.hr_size:
        return config.hr_size, config.hr_size
    own = min(matrix) // config.scale * config.scale
    if config.small_images == "refuse" or own < max(config.hr_patch, _SMALLEST):
        raise ScanError(
            f"Expected slices of at least {config.hr_size} x {config.hr_size} pixels after padding to a "
            f"square field of view. Received: {matrix[0]} x {matrix[1]} in {scan.source}. Choose a smaller "
            "hr_size, or small_images='own'."
        )
    return own, own
