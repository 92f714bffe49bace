"""What of a scan a network is given: its magnitude, or of raw k-space the part in phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ConfigError
from lfsr_tf.inference.matrix import (
    AcquiredMatrix,
    MatrixRequest,
    choose_matrix,
    cut_slices,
    known_between_samples,
)
from lfsr_tf.inference.noise import measure_noise
from lfsr_tf.inference.spectrum import AxisSpectrum, occupied_matrix
from lfsr_tf.physics.fourier import ifft2c
from lfsr_tf.physics.noise import NoiseEstimate, estimate_sigma_complex
from lfsr_tf.physics.phase import in_phase_image
from lfsr_tf.physics.sampling import Shape2D, fourier_downsample
from lfsr_tf.physics.settings import RawImage, Views
from lfsr_tf.physics.views import OWN, Offset, between_samples, offsets
from lfsr_tf.scans.kspace.reconstruction import root_sum_of_squares
from lfsr_tf.scans.scan import Scan

Images = NDArray[np.float32]


@dataclass(frozen=True)
class NetworkInput:
    """Slices as a network is given them, but for the normalisation.

    Attributes:
        scan: Of the acquired matrix, in the unit of the file.
        views: float32 [N, h, w] by offset: its slices, and those between its samples where they are known.
        matrix: To which it was cut, and whether the cut was exact.
        noise: Of these slices.
        image: What of the scan they show.
        spectrum: What the spectrum of the scan as read shows along both axes.
    """

    scan: Scan
    views: Mapping[Offset, Images]
    matrix: AcquiredMatrix
    noise: NoiseEstimate
    image: RawImage
    spectrum: tuple[AxisSpectrum, AxisSpectrum]


def network_input(
    scan: Scan, matrix: MatrixRequest, image: RawImage | None, *, scale: int, views: Views = "all"
) -> NetworkInput:
    """Measure a scan, and cut it to its acquired matrix.

    Args:
        scan: As read.
        matrix: See `choose_matrix`.
        image: What of the scan is wanted; None: the part in phase where there is raw k-space.
        scale: Of the network.
        views: "one" leaves out those between the samples.

    Raises:
        ConfigError: The matrix does not fit the scan, or the part in phase was asked for and there is no
            k-space.
    """
    shown = _choose_image(scan, image)
    noise = measure_noise(scan)
    spectrum = occupied_matrix(scan, noise.sigma)
    acquired = choose_matrix(scan, matrix, spectrum)
    steps = scale if views == "all" else 1
    if scan.kspace is None:
        found = _views_of_magnitude(scan, acquired.used, steps)
        lr = scan.with_slices(found[OWN]) if acquired.cut else scan
        noise = measure_noise(lr) if acquired.cut else noise
    else:
        coils = _acquired_coils(scan.kspace, acquired.used)
        found = {offset: _image_of(coils, shown, offset, steps) for offset in offsets(steps)}
        lr = scan.with_slices(found[OWN])
        if acquired.cut:
            noise = estimate_sigma_complex(tf.constant(coils), coil_axis=1, coils=noise.coils)
        # k-space itself is cropped, which is exact along every axis.
        acquired = replace(acquired, exact=True)
    return NetworkInput(lr, found, acquired, noise, shown, spectrum)


def _choose_image(scan: Scan, request: RawImage | None) -> RawImage:
    if request == "in_phase" and scan.kspace is None:
        raise ConfigError(
            "Expected raw k-space in the plane of acquisition for the part in phase. Received: "
            f"{scan.source or 'a scan'}, of which only magnitudes are at hand. Leave --image out."
        )
    return request or ("magnitude" if scan.kspace is None else "in_phase")


def _views_of_magnitude(scan: Scan, matrix: Shape2D, steps: int) -> dict[Offset, Images]:
    if scan.slices().shape[1:] == matrix:
        return {OWN: scan.slices()}
    rows, columns = known_between_samples(scan, matrix)
    return {
        (down, right): cut_slices(scan, matrix, (down / steps, right / steps))
        for down, right in offsets(steps, rows=rows, columns=columns)
    }


def _image_of(coils: NDArray[np.complex64], image: RawImage, offset: Offset, steps: int) -> Images:
    moved = (between_samples(tf.constant(of_slice), offset, steps) for of_slice in coils)
    if image == "magnitude":
        return np.stack([root_sum_of_squares(of_slice.numpy(), axis=0) for of_slice in moved])
    return np.stack([in_phase_image(of_slice).numpy() for of_slice in moved])


def _acquired_coils(kspace: NDArray[np.complex64], shape: Shape2D) -> NDArray[np.complex64]:
    """complex64 [N, C, h, w], the coils' images of the acquired matrix; sample 0 keeps its place."""
    images = (ifft2c(tf.constant(of_slice)) for of_slice in kspace)
    return np.stack([fourier_downsample(image, shape).numpy() for image in images])
