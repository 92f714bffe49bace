"""Repetitions of one acquisition: their average as ground truth, and pairs whose noise was measured.

Low-field scanners acquire the same slices several times and average. M4Raw (Lyu et al., Scientific Data 10,
2023, doi:10.1038/s41597-023-02181-4) gives k-space of each repetition by itself.

How they are averaged. The authors' `data_correction_demo.ipynb` (github.com/mylyu/M4Raw) says why k-space of
repetitions must not be averaged as it is: the echo lies beside the centre of k-space, and the phase differs
between repetitions, by drift and motion, so that signal cancels. Their denoising demo averages magnitudes:
nothing cancels, and the noise floor of a single repetition stays. Here the echo is put into the centre, the
phase in which two repetitions differ is taken back (one for all coils, smooth as off-resonance is), and then
complex coil images are averaged, before the root sum of squares: N repetitions have 1 / sqrt(N) of the noise,
floor included.

How they are paired. LR is the central k-space of one repetition, HR the average of the others. Their noise is
independent. In an average that holds the input itself, noise of the input would be part of the truth, and a
network would learn to keep it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.slices import hr_steps
from lfsr_tf.physics.coil_noise import combined_noise, root_mean_square
from lfsr_tf.physics.fourier import ifft2c
from lfsr_tf.physics.noise import estimate_sigma_complex
from lfsr_tf.physics.phase import directions, smooth_images
from lfsr_tf.physics.sampling import fourier_downsample
from lfsr_tf.scans import Scan, read_scan
from lfsr_tf.scans.kspace.reconstruction import root_sum_of_squares
from lfsr_tf.scans.naming import subject_from_path

Images = NDArray[np.complex64]

# Where the weight of a spatial frequency has fallen to 1/e, in cycles over the field of view: what differs
# between repetitions (drift, motion) is smoother, and noise is averaged over a thousand pixels, so that in
# air, where the phase follows the noise, two repetitions stay independent to within a percent or two.
_PHASE_CYCLES = 4
# Of the brightest pixel. A copy of a file differs by rounding alone; no scanner comes near.
_LEAST_NOISE = 1e-4
# Of the low frequencies. Repetitions of one acquisition have more than 0.95, whatever their noise.
_LEAST_AGREEMENT = 0.7
# By which low frequencies may differ in size: LR and HR of a pair show one object at one intensity.
_GAIN_TOLERANCE = 0.1


@dataclass(frozen=True, eq=False)
class Measured:
    """What a low-field scanner would have given of one repetition.

    Attributes:
        images: float32 [slices, h, w], root sum of squares of all coils, in the scan's units; all slices of
            the scan, h and w those of an LR slice.
        sigma: Standard deviation of the noise of one channel in these images, in the scan's units.
    """

    images: NDArray[np.float32]
    sigma: float


def read_repetitions(paths: Sequence[str]) -> list[Scan]:
    """Read all repetitions of an acquisition.

    Args:
        paths: Their files.

    Returns:
        Scans with k-space, of the same person, contrast, matrix and geometry.

    Raises:
        ScanError: Fewer than two, one cannot be read or has no k-space, or they differ.
    """
    if len(paths) < 2:
        raise ScanError(
            f"Expected two or more repetitions of one acquisition. Received: {', '.join(paths)}. Put them "
            "into one folder under M4Raw's names (2022061003_T101.h5, 2022061003_T102.h5), or set "
            "pairing='simulated'."
        )
    scans = [read_scan(Path(path)) for path in paths]
    for scan, path in zip(scans, paths, strict=True):
        if scan.kspace is None:
            raise ScanError(f"Expected k-space. Received: {path} with images only. Give the raw data.")
        _check_same(_facts(scans[0], paths[0]), _facts(scan, path), paths[0], path)
    return scans


def average(scans: Sequence[Scan]) -> Scan:
    """The average of repetitions: complex, coil by coil, all in the phase of the first one.

    Args:
        scans: As of `read_repetitions`, one or more.

    Returns:
        The first scan with the voxels of the average, without k-space; a single scan as it is.

    Raises:
        ScanError: Repetitions do not show the same object.
    """
    if len(scans) == 1:
        return scans[0]
    first = coil_images(scans[0])
    total = first.copy()
    for scan in scans[1:]:
        total += aligned(coil_images(scan), first, scan)
    magnitude = root_sum_of_squares(total / np.float32(len(scans)), axis=1)
    voxels = np.ascontiguousarray(np.moveaxis(magnitude, 0, scans[0].slice_axis))
    return replace(scans[0], voxels=voxels, kspace=None)


def measure(scans: Sequence[Scan], config: PairsConfig) -> Measured:
    """The LR images of the first repetition, and the noise in them.

    With the second repetition in the phase of the first, what they show is the same: with independent noise
    of standard deviation sigma in each channel, d = (first - second) / sqrt(2) is noise of that sigma. It is
    taken from where d is distributed like noise (`estimate_sigma_complex`), coil by coil, so that motion and
    flow within the head do not count, and is what the coils leave in their root sum of squares
    (`combined_noise`).

    Args:
        scans: As of `read_repetitions`, two or more.
        config: HR size and scale.

    Returns:
        Images and noise of an LR matrix, in the scan's units.

    Raises:
        ScanError: The scan is too small, the repetitions show different objects, or are equal.
    """
    first = coil_images(scans[0])
    # In full resolution, since the phase is found in more samples there.
    other = aligned(coil_images(scans[1]), first, scans[1])
    low = _low_resolution(first, scans[0], config)
    images = root_sum_of_squares(low, axis=1)
    difference = _low_resolution((first - other) / np.float32(math.sqrt(2.0)), scans[0], config)
    estimates = [estimate_sigma_complex(difference[:, coil]).sigma or 0.0 for coil in range(first.shape[1])]
    if min(estimates) < _LEAST_NOISE * float(images.max()):
        raise ScanError(
            f"Expected repetitions with noise of their own. Received: {scans[1].source}, which equals "
            f"{scans[0].source}. Give the repetitions as they were measured."
        )
    return Measured(images, combined_noise(low, root_mean_square(estimates), difference).sigma)


def coil_images(scan: Scan) -> Images:
    """Complex images [slices, coils, H, W] of k-space whose strongest sample was put into the centre.

    The shift turns the phase along the image and no magnitude, and makes a crop of k-space symmetric.
    """
    kspace = scan.kspace
    assert kspace is not None, "read_repetitions gives k-space"
    power = np.square(np.abs(kspace)).sum(axis=(0, 1))
    peak = np.unravel_index(int(power.argmax()), power.shape)
    shift = [size // 2 - int(place) for size, place in zip(power.shape, peak, strict=True)]
    images: Images = ifft2c(np.roll(kspace, shift, axis=(-2, -1))).numpy()
    return images


def aligned(images: Images, onto: Images, scan: Scan) -> Images:
    """Coil images in the phase of others: the smooth phase in which they differ is taken back.

    Args:
        images: complex64 [slices, coils, H, W].
        onto: The same of another repetition.
        scan: Where `images` are from, for the message.

    Raises:
        ScanError: The low frequencies of the two do not agree even so, or are of another size.
    """
    products = np.sum(images * np.conj(onto), axis=1, keepdims=True)
    result: Images = images * np.conj(directions(_smooth(products)).numpy())
    _check_alike(_smooth(result).numpy(), _smooth(onto).numpy(), scan)
    return result


def _check_alike(smooth: Images, other: Images, scan: Scan) -> None:
    """Refuse low frequencies, here of `scan`, that differ from those of another repetition."""
    sizes = np.linalg.norm(smooth), np.linalg.norm(other)
    agreement = abs(np.vdot(smooth, other)) / (sizes[0] * sizes[1])
    if not agreement >= _LEAST_AGREEMENT:
        raise ScanError(
            f"Expected repetitions of one object. Received: {scan.source}, whose low frequencies agree with "
            f"those of another repetition to {100 * agreement:.0f} %. Leave it out: the person moved, or the "
            "files are of different acquisitions."
        )
    gain = sizes[0] / sizes[1]
    if abs(gain - 1.0) > _GAIN_TOLERANCE:
        raise ScanError(
            f"Expected repetitions of one intensity. Received: {scan.source}, which is {gain:.3g} times as "
            "bright as another repetition. Leave it out, or undo the scaling."
        )


def _smooth(images: Images) -> tf.Tensor:
    return smooth_images(images, 2.0 * _PHASE_CYCLES / min(images.shape[-2:]))


def _low_resolution(images: Images, scan: Scan, config: PairsConfig) -> Images:
    """Coil images of the LR matrix, complex64 [slices, coils, h, w], on the way that `hr_scan` takes."""
    steps = hr_steps(scan, config)
    padding = [(0, 0), *zip(steps.before, steps.after, strict=True)]
    size = steps.size[0] // config.scale, steps.size[1] // config.scale
    # Slice by slice: only one slice's coils are held besides the whole scan's.
    acquired = (fourier_downsample(coils, steps.acquired) for coils in images)
    return np.stack([fourier_downsample(tf.pad(coils, padding), size).numpy() for coils in acquired])


def _facts(scan: Scan, path: str) -> dict[str, str]:
    """What repetitions have in common.

    The person is the one of the file's name: it is not documented whether M4Raw's attribute `patient_id` is
    of the person or of the file.
    """
    assert scan.kspace is not None, "read_repetitions asks for it first"
    spacing = " x ".join(f"{size:.4g}" for size in scan.voxel_sizes)
    return {
        "subject": subject_from_path(Path(path)),
        "contrast": scan.contrast,
        "k-space [slices, coils, H, W]": str(list(scan.kspace.shape)),
        "voxel size (mm)": spacing,
    }


def _check_same(first: dict[str, str], other: dict[str, str], first_path: str, path: str) -> None:
    for name, value in first.items():
        if other[name] != value:
            raise ScanError(
                f"Expected repetitions of one acquisition. Received: {name} {value} in {first_path} and "
                f"{other[name]} in {path}. Name each acquisition's files after it."
            )
