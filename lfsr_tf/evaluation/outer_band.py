"""The complex outer-band test: is the detail that a method adds to a measured scan really there?

A low-field scanner measured k-space; only its central block is shown to the method, and what the method
adds is compared with the samples that the scanner measured outside that block. No high-field image and no
registration are needed. The image of the block is enhanced, each coil's share and phase are put back, and the
result is transformed: P. With measured samples m and noise energy N in the outer band,

    recovered = 1 - (sum |m - P|^2 - N) / (sum |m|^2 - N)

0 is zero-filling of the complex k-space, 1 is the truth. The noise of m is independent of P, which comes from
other samples, so it adds N to both sums.

Two images of the block are judged. "magnitude", which is all that most files hold: the phase put back is the
zero-filled block's own. A zero-filled magnitude comes out below 0, because the magnitude of a blurred image
is not the blurred magnitude. And "in_phase", as `lfsr enhance` takes raw k-space: the part of the block in
phase with its low frequencies, whose phase is put back, seen by a network from all sample positions
(`physics.views`). A zero-filled one comes out about 0, not at it, because the k-space of a real image has two
equal halves, and where the phase is steep the block holds more of one.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.evaluation.bootstrap import Interval, bootstrap
from lfsr_tf.evaluation.config import EvaluationConfig
from lfsr_tf.evaluation.kspace_split import Complex, OuterBand, outer_band
from lfsr_tf.evaluation.methods import Method
from lfsr_tf.physics.sampling import Shape2D
from lfsr_tf.physics.settings import RawImage, Views
from lfsr_tf.scans.scan import Scan

# A magnitude at its own samples is all that most files hold; raw k-space is enhanced from all views.
VIEWS: dict[RawImage, Views] = {"magnitude": "one", "in_phase": "all"}
# Below this part of the band's energy, signal is told from noise too poorly for a figure.
LEAST_SIGNAL_FRACTION = 0.2
# The reference that adds nothing: 0 by definition.
COMPLEX_ZERO_FILL = "complex zero-fill"
# Samples of one tile are resampled together, in all slices, as neighbours share what the method got right or
# wrong: neighbouring slices of a head are alike.
_TILE = 8
_NOTHING = Interval(0.0, 0.0, 0.0, 0)

Sums = NDArray[np.float64]


@dataclass(frozen=True)
class OuterBandScore:
    """What one method recovered of one scan's outer band.

    Attributes:
        scan: Name of the file.
        subject: Identifier of the person.
        contrast: For example "T1w".
        image: What of the block was enhanced.
        method: A baseline's name, another network's, "model", or "complex zero-fill", which is 0 by
            definition.
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
    image: RawImage
    method: str
    matrix: Shape2D
    signal_fraction: float
    measurable: bool
    recovered: float | None
    low: float | None
    high: float | None


def outer_band_scores(
    scan: Scan, methods: Mapping[str, Method], scale: int, config: EvaluationConfig
) -> tuple[OuterBandScore, ...]:
    """Judge every method on one scan's measured k-space.

    Args:
        scan: A scan with raw k-space.
        methods: By name; each gets both images of the central block.
        scale: HR pixels for each LR pixel.
        config: Bootstrap settings.

    Returns:
        For each image "complex zero-fill" (0 by definition), then one score a method.

    Raises:
        ScanError: As `outer_band`.
    """
    band = outer_band(scan, scale)
    errors: dict[tuple[RawImage, str], Sums] = {}
    for image in get_args(RawImage):
        low = band.low_field(image, VIEWS[image])
        errors |= {
            (image, name): _error(band, band.predict(method(low), image)) for name, method in methods.items()
        }
    found = dict(zip(errors, _intervals(band, list(errors.values()), config), strict=True))
    return tuple(
        _score(scan, band, image, name, found.get((image, name), _NOTHING))
        for image in get_args(RawImage)
        for name in (COMPLEX_ZERO_FILL, *methods)
    )


def recovered_fraction(band: OuterBand, prediction: Complex, config: EvaluationConfig) -> Interval:
    """The recovered fraction of one prediction, with an interval from resampling tiles of k-space.

    Args:
        band: Measured k-space.
        prediction: complex64 [S, C, H, W]; only the outer band is looked at.
        config: Bootstrap settings.
    """
    return _intervals(band, [_error(band, prediction)], config)[0]


def _intervals(band: OuterBand, errors: Sequence[Sums], config: EvaluationConfig) -> list[Interval]:
    """The recovered fraction for each of the tiles' errors; all are resampled in one draw."""
    energy = _tile_sums(np.square(np.abs(band.kspace)), band.outside)
    noise = _tile_sums(band.noise, band.outside)
    totals = np.stack([energy, *errors], axis=1) - noise[:, np.newaxis]
    return bootstrap(
        totals[energy > 0.0],
        lambda sums: 1.0 - sums[..., 1:] / sums[..., :1],
        samples=config.bootstrap_samples,
        confidence=config.confidence,
        seed=config.seed,
    )


def _error(band: OuterBand, prediction: Complex) -> Sums:
    return _tile_sums(np.square(np.abs(band.kspace - prediction)), band.outside)


def _score(scan: Scan, band: OuterBand, image: RawImage, name: str, found: Interval) -> OuterBandScore:
    signal = band.signal_fraction
    measurable = signal >= LEAST_SIGNAL_FRACTION
    return OuterBandScore(
        scan=scan.source.name if scan.source else scan.subject,
        subject=scan.subject,
        contrast=scan.contrast,
        image=image,
        method=name,
        matrix=band.shape,
        signal_fraction=signal,
        measurable=measurable,
        recovered=found.estimate if measurable else None,
        low=found.low if measurable else None,
        high=found.high if measurable else None,
    )


def _tile_sums(values: NDArray[np.floating], outside: NDArray[np.bool_]) -> Sums:
    """Sums over the outer band [tiles], slices and coils together."""
    per_sample = np.where(outside, values, 0.0).sum(axis=(0, 1), dtype=np.float64)
    return np.asarray(np.bincount(_tiles(outside.shape).ravel(), per_sample.ravel()), np.float64)


@functools.lru_cache(maxsize=4)
def _tiles(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """The number of each sample's tile, which it shares with the sample on the other side of the centre.

    k-space of a nearly real image is nearly symmetric: what a method got right at one of both, it did at the
    other.
    """
    places = np.indices(shape)
    opposite = [(2 * (size // 2) - place) % size for size, place in zip(shape, places, strict=True)]
    first = np.minimum(np.ravel_multi_index(tuple(places), shape), np.ravel_multi_index(opposite, shape))
    rows, columns = np.unravel_index(first, shape)
    return np.asarray(rows // _TILE * shape[1] + columns // _TILE)
