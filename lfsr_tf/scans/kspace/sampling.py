"""Which samples of k-space were acquired, and whether an inverse FFT of them is an image of the object.

Legal is k-space filled with zeros outside one block of lines around the centre: a smaller matrix (M4Raw), or
partial Fourier (fastMRI), where one side of the centre is shorter. The zero-filled inverse FFT of the latter
is what fastMRI calls its reference; it is blurred along that axis, and the reader says so. At 5/8, the least
that scanners offer, the short side holds a quarter of the long one. Single samples that are missing here and
there, as for compressed sensing, fold the object to everywhere, much like noise: the reader says so, too.

A lie is k-space with gaps (the image folds over), with one side only (half of the lines do not determine an
object with phase), without its centre, or with the centre elsewhere than in the middle.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError

_LEAST_SHORT_SIDE = 0.2
"""Of the long side's lines; a quarter at 5/8 partial Fourier, with some lines to spare for rounding."""

_LEAST_MIDDLE_ENERGY = 0.25
"""Share of the middle half of an axis: 0.98 in measured k-space, 0.5 in noise, under 0.1 if uncentred."""

_MOST_SLICE_ENERGY = 0.3
"""Share of one of eight or more slices: under 0.1 in scans of heads, 0.38 and more if Fourier encoded."""

_SIGNIFICANT = 1e-13
"""Of the strongest line's energy: above the rounding of a float32 FFT, below the noise of any scanner."""

_COVERED = 0.6
"""Of the way to the rim: within, neither elliptical coverage nor rounding to few bits empties samples."""

_MOST_EMPTY = 0.05
"""Share of the samples within that may be exactly zero: none in measured k-space."""

_FEW_LINES = 8
_AXES = ("readout (axis H)", "phase encoding (axis W)")


def check_sampling(kspace: NDArray[np.complex64], path: Path) -> tuple[str, ...]:
    """Refuse k-space that no magnitude image can be made of by an inverse FFT.

    Args:
        kspace: complex64 [slices, coils, H, W].
        path: The file, for messages.

    Returns:
        A sentence for each axis of partial Fourier, and one where samples are missing here and there.

    Raises:
        ScanError: NaN or infinite samples, gaps between lines, an empty side or centre, a centre that lies
            elsewhere, or slices that are still Fourier encoded.
    """
    check_finite_samples(kspace, path)
    energies = _line_energies(kspace)
    notes = []
    for energy, name in zip(energies, _AXES, strict=True):
        for number, lines in enumerate(energy):
            _check_gaps(lines, f"{name} in slice {number}", path)
        total = energy.sum(axis=0)
        if total.any():
            _check_centred(total, name, path)
            notes += _check_sides(_significant(total), total.size, name, path)
    _check_slices(energies[0].sum(axis=1), path)
    return (*notes, *_empty_samples(kspace))


def check_finite_samples(kspace: NDArray[Any], path: Path) -> None:
    """Refuse NaN and infinite samples, and say where they lie."""
    bad = ~np.isfinite(kspace)
    if not bad.any():
        return
    slices, rows, columns = (np.unique(where).size for where in np.nonzero(bad.any(axis=1)))
    raise ScanError(
        f"Expected finite values. Received: {np.count_nonzero(bad)} of {kspace.size} NaN or infinite in "
        f"k-space of {path}, slices: {slices}, rows: {rows}, columns: {columns}. Export the raw data "
        "again; zeros in their place would fold the image over."
    )


def check_mask(mask: NDArray[Any], shape: tuple[int, int], path: Path) -> None:
    """Refuse the accelerated files of a challenge's test set: an inverse FFT of them folds over.

    Args:
        mask: Lines (or samples) that were kept, of any shape.
        shape: (H, W) of k-space.
        path: The file, for messages.

    Raises:
        ScanError: Gaps between the lines that were kept, or a mask of another size.
    """
    height, width = shape
    if mask.size not in (width, height, height * width):
        raise ScanError(
            f"Expected a mask of {width} lines or {height} x {width} samples. Received: {mask.size} in "
            f"{path}. Remove the mask, or give the one that belongs to this k-space."
        )
    kept = (mask != 0).reshape(shape if mask.size == height * width else (1, -1))
    rows, columns = (np.flatnonzero(kept.any(axis=axis)) for axis in (1, 0))
    if rows.size and not kept[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all():
        what = "samples" if len(kept) > 1 else "lines"
        raise ScanError(
            f"Expected fully sampled k-space. Received: {path}, whose mask keeps {np.count_nonzero(kept)} of "
            f"{mask.size} {what}. Reconstruct it with parallel imaging first."
        )


def _line_energies(kspace: NDArray[np.complex64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Energy of each row [slices, H] and of each column [slices, W], slice by slice to save memory."""
    slices, _, height, width = kspace.shape
    rows, columns = np.empty((slices, height)), np.empty((slices, width))
    for index, coils in enumerate(kspace):
        power = np.square(coils.real, dtype=np.float64).sum(axis=0)
        power += np.square(coils.imag, dtype=np.float64).sum(axis=0)
        rows[index], columns[index] = power.sum(axis=1), power.sum(axis=0)
    return rows, columns


def _significant(energy: NDArray[np.float64]) -> NDArray[np.intp]:
    """Numbers of the lines that were acquired; none where there is no signal at all."""
    return np.flatnonzero(energy > _SIGNIFICANT * energy.max())


def _check_gaps(energy: NDArray[np.float64], name: str, path: Path) -> None:
    """Each slice for itself, since masks may differ; one without signal has no gap. `energy` is [N]."""
    acquired = _significant(energy)
    missing = int(np.count_nonzero(energy[acquired[0] : acquired[-1]] == 0)) if acquired.size else 0
    if missing:
        raise ScanError(
            f"Expected fully sampled k-space. Received: {path}, where {missing} of {energy.size} lines "
            f"between sampled ones are empty along the {name}. Reconstruct it with parallel imaging first."
        )


def _check_centred(energy: NDArray[np.float64], name: str, path: Path) -> None:
    count = energy.size
    middle = energy[count // 4 : count - count // 4].sum() / energy.sum()
    if count >= _FEW_LINES and middle < _LEAST_MIDDLE_ENERGY:
        raise ScanError(
            f"Expected k-space with its centre in the middle. Received: {path}, where the middle half of "
            f"the {name} holds {100 * middle:.0f} % of the energy. Shift it (numpy.fft.fftshift over H and "
            "W), or fill the centre."
        )


def _check_sides(where: NDArray[np.intp], count: int, name: str, path: Path) -> list[str]:
    first, last, centre = int(where[0]), int(where[-1]), count // 2
    below, above = centre - first, last - centre
    short, long = min(below, above), max(below, above)
    lines = f"lines {first} to {last} of {count} along the {name}"
    if count >= _FEW_LINES and short < _LEAST_SHORT_SIDE * long:
        raise ScanError(
            f"Expected k-space filled on both sides of its centre. Received: {path} with {lines}, too few "
            "for a magnitude by inverse FFT. Reconstruct it by partial Fourier (POCS, homodyne) and give "
            "the image."
        )
    # One line more on one side is how even sizes are centred; another may be an empty Nyquist line.
    if long - short <= 2:
        return []
    return [f"Partial Fourier: only {lines} were acquired, so the image is blurred along them."]


def _empty_samples(kspace: NDArray[np.complex64]) -> list[str]:
    """A sentence where samples that no coil has lie scattered between those of the acquired lines."""
    shares = [_empty_share(sampled) for coils in kspace if (sampled := coils.any(axis=0)).any()]
    share = float(np.mean(shares)) if shares else 0.0
    if share <= _MOST_EMPTY:
        return []
    return [
        f"Undersampled: {100 * share:.0f} % of the samples between acquired ones are empty, so the image "
        "holds artefacts that count as its noise. Reconstruct it (compressed sensing, parallel imaging) and "
        "give the image."
    ]


def _empty_share(sampled: NDArray[np.bool_]) -> float:
    """Share of the samples near the centre of one slice, [H, W], that are missing."""
    y, x = (
        _radii(np.flatnonzero(sampled.any(axis=axis)), size)
        for axis, size in zip((1, 0), sampled.shape, strict=True)
    )
    inside = np.hypot(y[:, np.newaxis], x) <= _COVERED
    return float(np.mean(~sampled[inside])) if inside.any() else 0.0


def _radii(acquired: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """Distance of every line from the centre, [count]: 1 at the furthest acquired one, infinite outside."""
    lines, centre = np.arange(count), count // 2
    distance = np.abs(lines - centre) / max(1, np.abs(acquired - centre).max())
    return np.where((lines < acquired[0]) | (lines > acquired[-1]), np.inf, distance)


def _check_slices(energy: NDArray[np.float64], path: Path) -> None:
    if np.count_nonzero(energy) < _FEW_LINES:
        return
    share = energy.max() / energy.sum()
    if share > _MOST_SLICE_ENERGY:
        raise ScanError(
            f"Expected k-space of single slices. Received: {path}, where one of {energy.size} slices holds "
            f"{100 * share:.0f} % of the energy, as in 3-D encoding. Transform it along the slices first."
        )
