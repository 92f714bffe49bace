"""What of a scan a network is given: its magnitude, or of raw k-space the part in phase."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ConfigError
from lfsr_tf.inference.matrix import AcquiredMatrix, cut_to_matrix
from lfsr_tf.inference.noise import measure_noise
from lfsr_tf.physics.fourier import ifft2c
from lfsr_tf.physics.noise import NoiseEstimate, estimate_sigma_complex
from lfsr_tf.physics.phase import in_phase_image
from lfsr_tf.physics.sampling import Shape2D, fourier_downsample
from lfsr_tf.physics.settings import RawImage
from lfsr_tf.scans.scan import Scan


@dataclass(frozen=True)
class NetworkInput:
    """Slices as a network is given them, but for the normalisation.

    Attributes:
        scan: Of the acquired matrix, in the unit of the file.
        matrix: To which it was cut, and whether the cut was exact.
        noise: Of these slices.
        image: What of the scan they show.
    """

    scan: Scan
    matrix: AcquiredMatrix
    noise: NoiseEstimate
    image: RawImage


def choose_image(scan: Scan, request: RawImage | None) -> RawImage:
    """The image that is enhanced: the requested one, or the part in phase where there is raw k-space.

    Raises:
        ConfigError: The part in phase was asked for, and the scan has no k-space.
    """
    if request == "in_phase" and scan.kspace is None:
        raise ConfigError(
            "Expected raw k-space in the plane of acquisition for the part in phase. Received: "
            f"{scan.source or 'a scan'}, of which only magnitudes are at hand. Leave --image out."
        )
    return request or ("magnitude" if scan.kspace is None else "in_phase")


def network_input(scan: Scan, matrix: AcquiredMatrix, noise: NoiseEstimate, image: RawImage) -> NetworkInput:
    """Cut a scan to its acquired matrix.

    Args:
        scan: As read.
        matrix: To cut to.
        noise: Of the scan as read.
        image: As of `choose_image`.
    """
    if image == "magnitude" and (scan.kspace is None or not matrix.cut):
        cut = cut_to_matrix(scan, matrix.used)
        return NetworkInput(cut, matrix, measure_noise(cut) if matrix.cut else noise, image)
    coils = _acquired_coils(scan, matrix.used)
    # k-space itself is cropped, which is exact along every axis.
    exact = replace(matrix, exact=True)
    measured = estimate_sigma_complex(tf.constant(coils), coil_axis=1) if matrix.cut else noise
    return NetworkInput(scan.with_slices(_image_of(coils, image)), exact, measured, image)


def _image_of(coils: NDArray[np.complex64], image: RawImage) -> NDArray[np.float32]:
    if image == "magnitude":
        return np.sqrt(np.square(np.abs(coils)).sum(axis=1))
    return np.stack([in_phase_image(tf.constant(of_slice)).numpy() for of_slice in coils])


def _acquired_coils(scan: Scan, shape: Shape2D) -> NDArray[np.complex64]:
    """complex64 [N, C, h, w], the coils' images of the acquired matrix; sample 0 keeps its place."""
    if scan.kspace is None:
        raise ConfigError("Expected a scan with raw k-space. Received: magnitudes.")
    images = (ifft2c(tf.constant(of_slice)) for of_slice in scan.kspace)
    return np.stack([fourier_downsample(image, shape).numpy() for image in images]).astype(np.complex64)
