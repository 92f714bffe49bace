"""How many samples a magnitude image was made from: finding the empty rim of an interpolated scan's spectrum.

Zero-filling a complex image from w to N samples leaves k-space empty outside the central w lines. The
magnitude that is stored afterwards is not empty there: |z| is a non-linear function of z, so its spectrum
leaks outward, the more so the faster the phase of z varies. Three rules, from the sharpest to the weakest,
are tried along each axis:

1. Squared magnitude. |z|^2 = z conj(z) has the autocorrelation of z's spectrum as its spectrum, which ends at
   line w - 1 exactly (Wiener-Khinchin). For w <= N / 2 the lines beyond it hold rounding errors only.
2. Edge. For larger w the autocorrelation wraps around, and in coarse integers rounding hides its end. But
   noise fills all acquired lines of |z| and leaks little, so the energy of |z| falls abruptly at line w / 2
   and stays below the noise's level. What leaks may end in an edge, too, at line w: then that at w / 2
   counts.
3. Noise floor. Images interpolated in image space fade smoothly. Lines without the noise that the
   background of the image shows were not acquired.

The thresholds were set on real high-field slices, simulated with noise of 0.01 to 0.06 of the reference
intensity, with constant and with rapidly varying phase, stored as integers, with their full matrix and
zero-filled by 1.2 to 4; see `docs/enhancing.md` for the figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.scans.scan import Scan

Rule = Literal["squared magnitude", "edge", "noise floor", "k-space", "none"]

SHARP_END = 8.0
"""Rule 1: least ratio of energies on the two sides of the end of the spectrum (full matrix: up to 2)."""

EDGE_DROP = 1.6
"""Rule 2: least drop of energy across an edge, beyond the profile's own slope."""

EDGE_LEVEL = 0.7
"""Rule 2: most energy outside of the edge, over that of the noise (full matrix: 0.7 and more)."""

QUIET_END = 0.4
"""Rule 2: most energy of the outermost lines, over that of the noise (full matrix: even of air 0.43)."""

CLEAR_DROP = 3.0
"""Rule 2: a drop that counts whatever the level outside, to which strong signal leaks where noise is low."""

CLEAR_DROP_LARGE_MATRIX = 1.8
"""Rule 2: the same where the noise is unknown, for edges beyond 0.55 of the matrix."""

EDGE_STAYS = 0.3
"""Rule 2: no line outside comes nearer than this (in ln energy) to the level inside."""

EDGE_WINDOW = 5
"""Rule 2: lines on each side whose median is compared; a median ignores single lines of interference."""

LEAK_END = 0.15
"""Rule 2: an edge this near to twice the line of another is the end of what leaks from there."""

FIRST_EDGE = 16
"""Rule 2: the innermost line of an edge; further in, objects with sharp borders fall as abruptly."""

SMALLEST_EDGE_MATRIX = 72
"""Rule 2: smaller images have too few lines to tell an edge from the anatomy's own spectrum."""

SMALLEST_EDGE_MATRIX_WITHOUT_NOISE = 96
"""Rule 2: the same where the noise is unknown."""

MISSING_NOISE = 0.1
"""Rule 3: a line with less than this part of the noise's energy was not acquired."""

LARGEST_FRACTION = 0.97
"""A rim narrower than this leaves is not worth a cut."""


@dataclass(frozen=True)
class AxisSpectrum:
    """What the spectrum along one axis shows.

    Attributes:
        matrix: Samples of the image.
        occupied: Samples that hold the spectrum's content; `matrix` where no rim was found.
        rule: Which rule found the rim, "k-space" where it is not estimated but seen, or "none".
    """

    matrix: int
    occupied: int
    rule: Rule

    @property
    def has_rim(self) -> bool:
        """Whether the outer part of the spectrum is empty."""
        return self.occupied < self.matrix


def occupied_matrix(scan: Scan, sigma: float | None = None) -> tuple[AxisSpectrum, AxisSpectrum]:
    """Estimate how many samples along both in-plane axes a scan was made from.

    Args:
        scan: Magnitudes in any unit. Where it holds its k-space there is nothing to estimate: the block of
            its measured samples.
        sigma: Standard deviation of the noise of one channel in the same unit, or None when it is not known;
            rule 3 is then left out.

    Returns:
        The estimates along the two in-plane axes.
    """
    slices = scan.slices()
    if scan.kspace is not None:
        height, width = slices.shape[1:]
        rows, columns = scan.acquired_matrix or (height, width)
        return _measured(height, rows), _measured(width, columns)
    return axis_spectrum(slices, 1, sigma), axis_spectrum(slices, 2, sigma)


def _measured(size: int, acquired: int) -> AxisSpectrum:
    return AxisSpectrum(size, acquired, "k-space" if acquired < size else "none")


def energy_profile(slices: NDArray[np.float32], axis: int, power: int = 1) -> NDArray[np.float64]:
    """Mean energy of the lines of the one-dimensional spectrum along an axis.

    White noise of standard deviation s in the image gives s^2 on every line.

    Args:
        slices: Real images [N, H, W].
        axis: 1 or 2.
        power: The images are raised to this power first.

    Returns:
        float64 [size // 2 + 1]: lines 0 to the Nyquist line; those of negative index mirror them.
    """
    size = slices.shape[axis]
    total = np.zeros(size // 2 + 1)
    for image in slices:
        spectrum = np.fft.rfft(image.astype(np.float64) ** power, axis=axis - 1)
        total += np.square(np.abs(spectrum)).mean(axis=2 - axis)
    return total / (size * len(slices))


def axis_spectrum(slices: NDArray[np.float32], axis: int, sigma: float | None) -> AxisSpectrum:
    """Try the three rules along one axis.

    Args:
        slices: Magnitude images [N, H, W].
        axis: 1 or 2.
        sigma: Noise of one channel, or None.
    """
    size = slices.shape[axis]
    profile = energy_profile(slices, axis)
    found: tuple[tuple[Rule, int | None], ...] = (
        ("squared magnitude", _end_of_squared(energy_profile(slices, axis, power=2))),
        ("edge", _edge(profile, size, sigma)),
        ("noise floor", None if sigma is None else _end_of_noise(profile, sigma)),
    )
    for rule, occupied in found:
        if occupied is not None and occupied <= LARGEST_FRACTION * size:
            return AxisSpectrum(size, occupied, rule)
    return AxisSpectrum(size, size, "none")


def _end_of_squared(profile: NDArray[np.float64]) -> int | None:
    """Rule 1: samples of the band whose autocorrelation ends where this profile ends."""
    # A smooth object decays to rounding errors by itself; its end is not that of an acquisition.
    rounding = profile[0] * np.finfo(np.float32).eps ** 2
    first = len(profile) // 3
    beyond = np.maximum.accumulate(profile[::-1])[::-1]
    inside = np.minimum(profile[first:-1], profile[first - 1 : -2])
    ratio = inside / np.maximum(beyond[first + 1 :], np.finfo(np.float64).tiny)
    ratio[inside < 1e3 * rounding] = 0.0
    last = int(np.argmax(ratio))
    return first + last + 1 if ratio[last] > SHARP_END else None


def _edge(profile: NDArray[np.float64], size: int, sigma: float | None) -> int | None:
    """Rule 2: twice the line at which the energy falls abruptly and stays low."""
    if size < (SMALLEST_EDGE_MATRIX_WITHOUT_NOISE if sigma is None else SMALLEST_EDGE_MATRIX):
        return None
    level = np.log(np.maximum(profile, np.finfo(np.float64).tiny))
    outer = _edge_among(range(len(level) // 2 - 3, len(level) - 3), level, size, sigma)
    edge = outer
    # An object that fades into the noise of its full matrix makes an edge of the inner half, too.
    if outer is not None or (sigma is not None and _end_is_quiet(profile, sigma)):
        first = max(len(level) // 4 - 3, FIRST_EDGE)
        inner = _edge_among(range(first, len(level) // 2 - 3), level, size, sigma)
        if inner is not None and (outer is None or abs(outer - 2 * inner) <= LEAK_END * outer):
            edge = inner
    return None if edge is None else 2 * edge


def _end_is_quiet(profile: NDArray[np.float64], sigma: float) -> bool:
    return bool(np.median(profile[-EDGE_WINDOW:]) <= QUIET_END * sigma**2)


def _edge_among(lines: range, level: NDArray[np.float64], size: int, sigma: float | None) -> int | None:
    """The steepest of these lines, if it is an edge."""
    if not lines:
        return None
    excess = [_drop(level, line) - _slope_beside(level, line) for line in lines]
    edge = lines[int(np.argmax(excess))]
    stays = np.median(level[edge - EDGE_WINDOW : edge]) - level[edge:].max()
    outside = float(np.exp(np.median(level[edge : edge + EDGE_WINDOW])))
    if stays < EDGE_STAYS or not _is_edge(float(np.exp(max(excess))), outside, 2 * edge / size, sigma):
        return None
    # The windows find the neighbourhood, the steepest single step in it the line.
    near = np.arange(edge - 3, min(edge + 4, len(level)))
    return int(near[np.argmax(level[near - 1] - level[near])])


def _is_edge(drop: float, outside: float, fraction: float, sigma: float | None) -> bool:
    if drop >= CLEAR_DROP:
        return True
    if sigma is None:
        return drop >= CLEAR_DROP_LARGE_MATRIX and fraction > 0.55
    return drop >= EDGE_DROP and outside <= EDGE_LEVEL * sigma**2


def _drop(level: NDArray[np.float64], line: int) -> float:
    inside, outside = level[line - EDGE_WINDOW : line], level[line : line + EDGE_WINDOW]
    return float(np.median(inside) - np.median(outside))


def _slope_beside(level: NDArray[np.float64], line: int) -> float:
    """The larger drop on the two sides of a line, at least 0: what the profile does without an edge."""
    beside = (line - 2 * EDGE_WINDOW, line + 2 * EDGE_WINDOW)
    drops = [_drop(level, other) for other in beside if EDGE_WINDOW < other < len(level) - 2]
    return max([0.0, *drops])


def _end_of_noise(profile: NDArray[np.float64], sigma: float) -> int | None:
    """Rule 3: twice the number of lines up to the last one that holds the noise's energy."""
    with_noise = np.flatnonzero(profile >= MISSING_NOISE * sigma**2)
    return 2 * (int(with_noise[-1]) + 1) if with_noise.size else None
