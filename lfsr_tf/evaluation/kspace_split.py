"""Measured k-space, split into the central block that a method sees and the outer band that judges it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError
from lfsr_tf.evaluation.acquisitions import LowField
from lfsr_tf.evaluation.background_noise import noise_power
from lfsr_tf.evaluation.masks import background_mask
from lfsr_tf.physics.coil_noise import CombinedNoise, combined_noise
from lfsr_tf.physics.fourier import fft2c, ifft2c
from lfsr_tf.physics.intensity import reference_intensity, safe_reference
from lfsr_tf.physics.phase import directions, in_phase, low_pass
from lfsr_tf.physics.sampling import Shape2D, crop_kspace, zero_pad_kspace
from lfsr_tf.physics.settings import RawImage, Views
from lfsr_tf.physics.views import OWN, between_samples, offsets
from lfsr_tf.scans.scan import Scan

# Sides that differ by less are left as they are: pixels are nearly square.
_OBLONG = 1.05
_LEAST_SIDE = 32

Complex = NDArray[np.complex64]


# Compared by identity: arrays have no single truth value.
@dataclass(frozen=True, eq=False)
class OuterBand:
    """Measured k-space, split into what a method sees and what it is judged by.

    Attributes:
        kspace: complex64 [S, C, H, W], centred, as the scanner gives it.
        noise: float64 [S, C, H, W], expected |noise|^2 of each sample.
        outside: bool [H, W], the measured samples outside the central block.
        block: complex64 [S, C, h, w], the central block.
        coils: As many with independent noise have the noise of their combined image, as of `combined_noise`.
    """

    kspace: Complex
    noise: NDArray[np.float64]
    outside: NDArray[np.bool_]
    block: Complex
    coils: float

    @classmethod
    def of(
        cls,
        kspace: Complex,
        noise: NDArray[np.float64],
        scale: int,
        *,
        acquired: Shape2D | None = None,
        coils: float | None = None,
    ) -> OuterBand:
        """Split k-space.

        Args:
            kspace: complex64 [S, C, H, W], centred, its sides multiples of `scale`.
            noise: The expected power of its noise.
            scale: Of the network.
            acquired: The central matrix beyond which nothing was acquired, where that is known.
            coils: Their effective number; None: their noise is independent.
        """
        block = (kspace.shape[2] // scale, kspace.shape[3] // scale)
        outside = _outside(kspace, block, acquired or kspace.shape[2:])
        inner = crop_kspace(tf.constant(kspace), block).numpy()
        return cls(kspace, noise, outside, inner, float(kspace.shape[1]) if coils is None else coils)

    @property
    def shape(self) -> Shape2D:
        """(H, W)."""
        return self.kspace.shape[2], self.kspace.shape[3]

    @property
    def signal_fraction(self) -> float:
        """Part of the outer band's energy that is not noise; it can come out slightly negative."""
        energy = np.square(np.abs(self.kspace[..., self.outside])).sum()
        return float(1.0 - self.noise[..., self.outside].sum() / energy)

    def low_field(self, image: RawImage, views: Views = "one") -> LowField:
        """The image of the central block, with the noise level that the background shows.

        Args:
            image: The magnitude, or the part in phase with the low frequencies.
            views: "all": with the images at the sample positions between its own.
        """
        scale = np.sqrt(np.prod(self.block.shape[2:]) / np.prod(self.shape))
        coils, smooth = (ifft2c(kspace) for kspace in (tf.constant(self.block), self._smooth(image)))
        steps = self.shape[0] // self.block.shape[2] if views == "all" else 1
        between = {
            offset: in_phase(
                between_samples(coils * scale, offset, steps),
                directions(between_samples(smooth, offset, steps)),
            ).numpy()
            for offset in offsets(steps)
        }
        images = between.pop(OWN)
        inner = crop_kspace(tf.constant(self.noise), self.block.shape[2:]).numpy().mean()
        reference = float(safe_reference(reference_intensity(images)))
        noise = CombinedNoise.of(float(np.sqrt(inner / 2.0) * scale), self.block.shape[1], self.coils)
        rician = image == "magnitude"
        return LowField(
            images, noise.sigma, reference, self.shape, rician=rician, coils=noise.coils, between=between
        )

    def predict(self, images: NDArray[np.float32], image: RawImage) -> Complex:
        """The k-space that an enhanced image stands for, with the coils' shares and phases put back.

        Args:
            images: float32 [S, H, W].
            image: What it was enhanced from.

        Returns:
            complex64 [S, C, H, W].
        """
        # Centred images of both sizes, methods that keep sample 0: up to a pixel lies between them.
        moves = [
            full // 2 - full // small * (small // 2)
            for full, small in zip(self.shape, self.block.shape[2:], strict=True)
        ]
        centred = np.roll(images, moves, axis=(1, 2))[:, np.newaxis]
        shares = directions(ifft2c(zero_pad_kspace(self._smooth(image), self.shape)))
        return np.asarray(fft2c(tf.constant(centred, tf.complex64) * shares))

    def _smooth(self, image: RawImage) -> tf.Tensor:
        """k-space [S, C, h, w] of the coils' shares and phases: smooth ones, or those of the block itself."""
        block = tf.constant(self.block)
        return low_pass(block) if image == "in_phase" else block


def outer_band(scan: Scan, scale: int) -> OuterBand:
    """Split the measured k-space of a scan.

    Low-field brain scans have a square field of view, so a longer side of k-space means oblong pixels: it is
    cut to the shorter one, and the method sees pixels of the shape that it was trained on.

    Args:
        scan: A scan with `kspace`, [slices, coils, H, W], centred.
        scale: Of the network.

    Returns:
        The split.

    Raises:
        ScanError: No k-space, too little of it, none outside the block, or no background to measure the noise
            from.
    """
    if scan.kspace is None:
        raise ScanError(
            f"Expected a scan with raw k-space, as HDF5. Received: {scan.source}, which has only images."
        )
    shape = _compared_matrix(scan.kspace.shape[2:], scale)
    if min(shape) < _LEAST_SIDE:
        raise ScanError(
            f"Expected at least {_LEAST_SIDE} x {_LEAST_SIDE} samples. Received: {shape} in {scan.source}."
        )
    measured = tf.constant(scan.kspace, tf.complex64)
    # Of all k-space: what is cut from it rings, which looks like noise that the coils share.
    noise, coils = _noise(ifft2c(measured).numpy())
    kspace = crop_kspace(measured, shape).numpy()
    noise = crop_kspace(tf.constant(noise), shape).numpy()
    band = OuterBand.of(kspace, noise, scale, acquired=scan.acquired_matrix, coils=coils)
    if not band.outside.any():
        height, width = band.block.shape[2:]
        raise ScanError(
            f"Expected samples outside the central {height} x {width}. Received: {scan.source}, zero-filled "
            "beyond it. Cut the empty rim of its k-space."
        )
    return band


def _noise(images: Complex) -> tuple[NDArray[np.float64], float]:
    """Expected |noise|^2 of each sample of k-space [S, C, H, W], and the effective number of coils."""
    magnitude = np.sqrt(np.square(np.abs(images)).sum(axis=1))
    background = background_mask(magnitude / float(safe_reference(reference_intensity(magnitude))))
    power = noise_power(images, background)
    return power, combined_noise(images, float(np.sqrt(power.mean() / 2.0))).coils


def _compared_matrix(size: tuple[int, ...], scale: int) -> Shape2D:
    shortest = min(size)
    height, width = (side if side <= _OBLONG * shortest else shortest for side in size)
    return height // scale * scale, width // scale * scale


def _outside(kspace: Complex, block: Shape2D, acquired: tuple[int, ...]) -> NDArray[np.bool_]:
    """Samples outside the central block; what was never measured (zeros, but for rounding) does not count.

    Where the image was cut to its field of view, zeros are none any more: they got some of their neighbours.
    With a partial echo along that axis they lie within the central matrix, and count.
    """
    full = kspace.shape[2:]
    power = np.square(np.abs(kspace)).mean(axis=(0, 1))
    # Zeros that went through an image are rounding errors of up to 1e-10 of the mean energy; noise has more.
    measured = power > 1e-9 * power.mean()
    return np.asarray(~_central(block, full) & _central(acquired, full) & measured)


def _central(block: tuple[int, ...], full: tuple[int, ...]) -> NDArray[np.bool_]:
    height, width = (min(pair) for pair in zip(block, full, strict=True))
    ones = tf.ones((height, width), tf.float32)
    return np.asarray(zero_pad_kspace(ones, (full[0], full[1])).numpy() > 0.0)
