"""What of a scan a network is given: its magnitude, or of raw k-space the part in phase."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ConfigError
from lfsr_tf.inference.matrix import AcquiredMatrix, MatrixRequest, choose_matrix, cut_to_matrix
from lfsr_tf.inference.noise import measure_noise
from lfsr_tf.inference.spectrum import AxisSpectrum, occupied_matrix
from lfsr_tf.physics.fourier import ifft2c
from lfsr_tf.physics.noise import NoiseEstimate, estimate_sigma_complex
from lfsr_tf.physics.phase import in_phase_image
from lfsr_tf.physics.sampling import Shape2D, fourier_downsample
from lfsr_tf.physics.settings import RawImage
from lfsr_tf.scans.kspace.reconstruction import root_sum_of_squares
from lfsr_tf.scans.scan import Scan


@dataclass(frozen=True)
class NetworkInput:
    """Slices as a network is given them, but for the normalisation.

    Attributes:
        scan: Of the acquired matrix, in the unit of the file.
        matrix: To which it was cut, and whether the cut was exact.
        noise: Of these slices.
        image: What of the scan they show.
        spectrum: What the spectrum of the scan as read shows along both axes.
    """

    scan: Scan
    matrix: AcquiredMatrix
    noise: NoiseEstimate
    image: RawImage
    spectrum: tuple[AxisSpectrum, AxisSpectrum]


def network_input(scan: Scan, matrix: MatrixRequest, image: RawImage | None) -> NetworkInput:
    """Measure a scan, and cut it to its acquired matrix.

    Args:
        scan: As read.
        matrix: See `choose_matrix`.
        image: What of the scan is wanted; None: the part in phase where there is raw k-space.

    Raises:
        ConfigError: The matrix does not fit the scan, or the part in phase was asked for and there is no
            k-space.
    """
    shown = _choose_image(scan, image)
    noise = measure_noise(scan)
    spectrum = occupied_matrix(scan, noise.sigma)
    acquired = choose_matrix(scan, matrix, spectrum)
    if scan.kspace is None or (shown == "magnitude" and not acquired.cut):
        slices = cut_to_matrix(scan, acquired.used)
        noise = measure_noise(slices) if acquired.cut else noise
    else:
        coils = _acquired_coils(scan.kspace, acquired.used)
        slices = scan.with_slices(_image_of(coils, shown))
        if acquired.cut:
            noise = estimate_sigma_complex(tf.constant(coils), coil_axis=1, coils=noise.coils)
        # k-space itself is cropped, which is exact along every axis.
        acquired = replace(acquired, exact=True)
    return NetworkInput(slices, acquired, noise, shown, spectrum)


def _choose_image(scan: Scan, request: RawImage | None) -> RawImage:
    if request == "in_phase" and scan.kspace is None:
        raise ConfigError(
            "Expected raw k-space in the plane of acquisition for the part in phase. Received: "
            f"{scan.source or 'a scan'}, of which only magnitudes are at hand. Leave --image out."
        )
    return request or ("magnitude" if scan.kspace is None else "in_phase")


def _image_of(coils: NDArray[np.complex64], image: RawImage) -> NDArray[np.float32]:
    if image == "magnitude":
        return root_sum_of_squares(coils, axis=1)
    return np.stack([in_phase_image(tf.constant(of_slice)).numpy() for of_slice in coils])


def _acquired_coils(kspace: NDArray[np.complex64], shape: Shape2D) -> NDArray[np.complex64]:
    """complex64 [N, C, h, w], the coils' images of the acquired matrix; sample 0 keeps its place."""
    images = (ifft2c(tf.constant(of_slice)) for of_slice in kspace)
    return np.stack([fourier_downsample(image, shape).numpy() for image in images])
