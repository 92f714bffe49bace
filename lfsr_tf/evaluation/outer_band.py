"""The complex outer-band test: is the detail that a method adds to a measured scan really there?

A low-field scanner measured k-space; only its central block is shown to the method, and what the method
adds is compared with the samples that the scanner measured outside that block. No high-field image and no
registration are needed. The magnitude image of the block is enhanced, each coil's share and phase are put
back from the zero-filled block, and the result is transformed: P. With measured samples m and noise energy
N in the outer band,

    recovered = 1 - (sum |m - P|^2 - N) / (sum |m|^2 - N)

0 is zero-filling of the complex k-space, 1 is the truth; a zero-filled magnitude comes out below 0, because
the magnitude of a blurred image is not the blurred magnitude. The noise of m is independent of P, which
comes from other samples, so it adds N to both sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError
from lfsr_tf.evaluation.acquisitions import LowField
from lfsr_tf.evaluation.background_noise import noise_power
from lfsr_tf.evaluation.bootstrap import Interval, bootstrap
from lfsr_tf.evaluation.config import EvaluationConfig
from lfsr_tf.evaluation.masks import background_mask
from lfsr_tf.evaluation.methods import Method
from lfsr_tf.physics.fourier import fft2c, ifft2c
from lfsr_tf.physics.intensity import reference_intensity, safe_reference
from lfsr_tf.physics.sampling import Shape2D, crop_kspace, zero_pad_kspace
from lfsr_tf.scans.scan import Scan

# Below this part of the band's energy, signal is told from noise too poorly for a figure.
LEAST_SIGNAL_FRACTION = 0.2
# Sides that differ by less are left as they are: pixels are nearly square.
_OBLONG = 1.05
_LEAST_SIDE = 32
# The reference that adds nothing: 0 by definition.
COMPLEX_ZERO_FILL = "complex zero-fill"
# Samples of one tile are resampled together, as neighbours share what the method got right or wrong.
_TILE = 8

Complex = NDArray[np.complex64]


@dataclass(frozen=True)
class OuterBandScore:
    """What one method recovered of one scan's outer band.

    Attributes:
        scan: Name of the file.
        subject: Identifier of the person.
        contrast: For example "T1w".
        method: A baseline's name, "model", or "complex zero-fill", which is 0 by definition.
        matrix: (H, W) samples that are compared; the block that the method saw is smaller by its scale.
        signal_fraction: Part of the outer band's energy that is signal, not noise.
        measurable: Whether that part is large enough for a figure.
        recovered: The figure; None where it is not measurable.
        low: Lower end of the bootstrap interval over tiles of k-space; None likewise.
        high: Upper end.
    """

    scan: str
    subject: str
    contrast: str
    method: str
    matrix: Shape2D
    signal_fraction: float
    measurable: bool
    recovered: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class OuterBand:
    """Measured k-space, split into what a method sees and what it is judged by.

    Attributes:
        kspace: complex64 [S, C, H, W], centred, as the scanner gives it.
        noise: float64 [S, C, H, W], expected |noise|^2 of each sample.
        outside: bool [H, W], the measured samples outside the central block.
        block: complex64 [S, C, h, w], the central block.
    """

    kspace: Complex
    noise: NDArray[np.float64]
    outside: NDArray[np.bool_]
    block: Complex

    @property
    def shape(self) -> Shape2D:
        """(H, W)."""
        return self.kspace.shape[2], self.kspace.shape[3]

    @property
    def signal_fraction(self) -> float:
        """Part of the outer band's energy that is not noise; it can come out slightly negative."""
        energy = np.square(np.abs(self.kspace[..., self.outside])).sum()
        return float(1.0 - self.noise[..., self.outside].sum() / energy)

    def low_field(self) -> LowField:
        """The magnitude image of the central block, with the noise level that the background shows."""
        scale = np.sqrt(np.prod(self.block.shape[2:]) / np.prod(self.shape))
        coils = ifft2c(tf.constant(self.block)).numpy() * scale
        images = np.sqrt(np.square(np.abs(coils)).sum(axis=1)).astype(np.float32)
        inner = crop_kspace(tf.constant(self.noise), self.block.shape[2:]).numpy().mean()
        reference = float(safe_reference(reference_intensity(images)))
        return LowField(images, float(np.sqrt(inner / 2.0) * scale), reference, self.shape)

    def predict(self, images: NDArray[np.float32]) -> Complex:
        """k-space [S, C, H, W] of an enhanced magnitude [S, H, W] with the block's shares and phases."""
        padded = zero_pad_kspace(tf.constant(self.block), self.shape)
        coils = ifft2c(padded).numpy()
        total = np.sqrt(np.square(np.abs(coils)).sum(axis=1, keepdims=True))
        shares = coils / np.maximum(total, np.finfo(np.float32).tiny)
        # Centred images of both sizes, methods that keep sample 0: up to a pixel lies between them.
        offsets = [
            full // 2 - full // small * (small // 2)
            for full, small in zip(self.shape, self.block.shape[2:], strict=True)
        ]
        centred = np.roll(images, offsets, axis=(1, 2))[:, np.newaxis]
        return np.asarray(fft2c(tf.constant(centred * shares, tf.complex64)))


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
        ScanError: No k-space, too little of it, or no background to measure the noise from.
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
    images = ifft2c(measured).numpy()
    magnitude = np.sqrt(np.square(np.abs(images)).sum(axis=1))
    background = background_mask(magnitude / float(safe_reference(reference_intensity(magnitude))))
    kspace = crop_kspace(measured, shape).numpy()
    noise = crop_kspace(tf.constant(noise_power(images, background)), shape).numpy()
    small = (shape[0] // scale, shape[1] // scale)
    return OuterBand(kspace, noise, _outside(kspace, small), crop_kspace(tf.constant(kspace), small).numpy())


def outer_band_scores(
    scan: Scan, methods: dict[str, Method], scale: int, config: EvaluationConfig
) -> tuple[OuterBandScore, ...]:
    """Judge every method on one scan's measured k-space.

    Args:
        scan: A scan with raw k-space.
        methods: By name; each gets the magnitude of the central block.
        scale: HR pixels for each LR pixel.
        config: Bootstrap settings.

    Returns:
        "complex zero-fill" (0 by definition), then one score a method.

    Raises:
        ScanError: As `outer_band`.
    """
    band = outer_band(scan, scale)
    low = band.low_field()
    predictions = {COMPLEX_ZERO_FILL: np.zeros_like(band.kspace)}
    predictions |= {name: band.predict(method(low)) for name, method in methods.items()}
    return tuple(_score(scan, band, name, prediction, config) for name, prediction in predictions.items())


def recovered_fraction(band: OuterBand, prediction: Complex, config: EvaluationConfig) -> Interval:
    """The recovered fraction of one prediction, with an interval from resampling tiles of 8 x 8 samples.

    Args:
        band: Measured k-space.
        prediction: complex64 [S, C, H, W]; only the outer band is looked at.
        config: Bootstrap settings.
    """
    error = _tile_sums(np.square(np.abs(band.kspace - prediction)), band.outside)
    energy = _tile_sums(np.square(np.abs(band.kspace)), band.outside)
    noise = _tile_sums(band.noise, band.outside)
    totals = np.stack([error - noise, energy - noise], axis=1)
    return bootstrap(
        totals[energy > 0.0],
        lambda sums: 1.0 - sums[..., 0] / sums[..., 1],
        samples=config.bootstrap_samples,
        confidence=config.confidence,
        seed=config.seed,
    )


def _score(
    scan: Scan, band: OuterBand, name: str, prediction: Complex, config: EvaluationConfig
) -> OuterBandScore:
    signal = band.signal_fraction
    measurable = signal >= LEAST_SIGNAL_FRACTION
    found = recovered_fraction(band, prediction, config) if measurable else None
    return OuterBandScore(
        scan=scan.source.name if scan.source else scan.subject,
        subject=scan.subject,
        contrast=scan.contrast,
        method=name,
        matrix=band.shape,
        signal_fraction=signal,
        measurable=measurable,
        recovered=found.estimate if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
    )


def _compared_matrix(size: tuple[int, ...], scale: int) -> Shape2D:
    shortest = min(size)
    height, width = (side if side <= _OBLONG * shortest else shortest for side in size)
    return height // scale * scale, width // scale * scale


def _outside(kspace: Complex, block: Shape2D) -> NDArray[np.bool_]:
    """Samples outside the central block; rows and columns that were never measured (zeros) do not count."""
    inner = zero_pad_kspace(tf.ones(block, tf.float32), (kspace.shape[2], kspace.shape[3])).numpy()
    power = np.square(np.abs(kspace)).mean(axis=(0, 1))
    measured = power > 1e-9 * np.median(power)
    return np.asarray((inner == 0.0) & measured)


def _tile_sums(values: NDArray[np.floating], outside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sums over the outer band in tiles: [S * tiles], coils together."""
    per_slice = np.where(outside, values, 0.0).sum(axis=1)
    paddings: Sequence[tuple[int, int]] = [(0, 0), *((0, -size % _TILE) for size in outside.shape)]
    padded = np.pad(per_slice, paddings)
    slices, height, width = padded.shape
    tiles = padded.reshape(slices, height // _TILE, _TILE, width // _TILE, _TILE)
    return np.asarray(tiles.sum(axis=(2, 4)).ravel(), dtype=np.float64)
