"""The sentences that warn the reader of an enhanced scan, each from one measured fact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lfsr_tf.inference.consistency import Ring
from lfsr_tf.inference.matrix import AcquiredMatrix, Matrix
from lfsr_tf.inference.sidecar import NoiseReport, SpacingReport
from lfsr_tf.inference.spectrum import AxisSpectrum
from lfsr_tf.model_info import unlearnt_noise, unlearnt_voxels, within

SMALLEST_RIM = 1.05
"""A matrix this much larger than what the spectrum holds counts as interpolated."""

LARGEST_CHI_SQUARE = 4.0
"""Above what coloured low-field noise (up to twice its mean in a column) and an uncertain sigma explain."""

LARGEST_DIFFERENCE = 0.2
"""Of the inner rings, where the noise is unknown: masked scans have up to 0.15, raw z-scores 0.25 to 0.9."""

_INNER_RINGS = 2
"""Beyond them the noise that a model takes away is a large part of a low-field scan."""


def rim_warning(spectrum: tuple[AxisSpectrum, AxisSpectrum], used: Matrix) -> str | None:
    """Say that the spectrum has an empty rim, and which matrix to give.

    Args:
        spectrum: Estimates along both axes.
        used: Matrix that was taken as acquired.

    Returns:
        One sentence, or None where the spectrum is filled.
    """
    suggestion = tuple(
        axis.occupied if axis.has_rim and size > SMALLEST_RIM * axis.occupied else size
        for axis, size in zip(spectrum, used, strict=True)
    )
    if suggestion == used:
        return None
    rules = sorted({axis.rule for axis in spectrum if axis.has_rim})
    return (
        f"The spectrum has an empty rim: of {used[0]} x {used[1]} samples "
        f"about {suggestion[0]} x {suggestion[1]} were acquired (rule: {', '.join(rules)}), the rest "
        "was interpolated. "
        f"Give --acquired-matrix {suggestion[0]}x{suggestion[1]}, or the matrix of the protocol."
    )


def matrix_warnings(matrix: AcquiredMatrix, spectrum: tuple[AxisSpectrum, AxisSpectrum]) -> Iterator[str]:
    """What is doubtful about the matrix that was taken as acquired."""
    rim = rim_warning(spectrum, matrix.used)
    if rim is not None:
        yield rim
    lost = any(used < 0.9 * axis.occupied for used, axis in zip(matrix.used, spectrum, strict=True))
    if matrix.source == "header" and lost:
        occupied = f"{spectrum[0].occupied} x {spectrum[1].occupied}"
        yield (
            f"The file gives an acquired matrix of {matrix.used[0]} x {matrix.used[1]}, but the spectrum is "
            f"filled up to {occupied} samples; detail may have been cut. Give --acquired-matrix full to "
            "keep all samples."
        )
    if matrix.cut and not matrix.exact:
        yield (
            "Along an axis cut by less than a half, only the k-space of the magnitude could be cropped: "
            "its noise is smoother than that of an acquired image."
        )


def noise_warnings(noise: NoiseReport) -> Iterator[str]:
    """Whether the model knows such noise, and the level that it was told."""
    if noise.sigma is None:
        yield f"The noise is unknown ({noise.reason}), so nothing can be said of whether the model knows it."
        if noise.told is not None:
            yield (
                f"The network was told a noise level of {noise.told:g} of the reference intensity. Where you "
                "know better, give --noise-level: more smooths more."
            )
    elif noise.in_training_range is False and noise.training_range is not None:
        measured = f"Noise of {noise.sigma_relative:.3f} of the reference intensity"
        yield unlearnt_noise(measured, noise.training_range)
    told = None if noise.told in (None, noise.sigma_relative) else noise.told
    if told is not None and noise.training_range is not None and not within((told,), noise.training_range):
        yield (
            f"The network was told a noise level of {told:g}, outside of its training range, "
            f"{noise.training_range[0]:g} to {noise.training_range[1]:g}: it has not learnt what to do with "
            "it. Give --noise-level within that range."
        )


def air_warnings(air: float | None) -> Iterator[str]:
    """Whether the voxels have a sign, which no model knows.

    Args:
        air: Of `air_level`.
    """
    if air is None:
        yield (
            "Many voxels are below 0, and none of them is seen to be air: the model knows magnitudes, whose "
            "air is 0 and all else above it, so the result may be wrong in contrast and detail. Give the "
            "magnitude, or values from which that of air was subtracted."
        )
    elif air != 0.0:
        yield (
            f"Many voxels are below 0, with air at {air:.4g}: the model knows magnitudes, whose air is 0. "
            "That value was therefore taken off before the network, and put back onto its result."
        )


def spacing_warnings(spacing: SpacingReport) -> Iterator[str]:
    """Whether the model knows such voxels."""
    if spacing.in_training_range is False and spacing.training_range is not None:
        sizes = " x ".join(f"{size:.2f}" for size in spacing.network_input)
        yield unlearnt_voxels(f"Voxels of {sizes} mm", spacing.training_range)


def consistency_warnings(rings: Sequence[Ring]) -> Iterator[str]:
    """Where the result contradicts the measurement.

    Of known noise the innermost ring is left out: the noise floor of the background, which models remove more
    or less of, adds up to a large share of its energy there, and a sigma that is 1 % off is seen in it. Of
    unknown noise the innermost rings alone are looked at.
    """
    if rings[0].chi_square is None:
        worst = max(rings[:_INNER_RINGS], key=lambda ring: ring.relative_difference)
        if worst.relative_difference > LARGEST_DIFFERENCE:
            yield (
                f"The result differs from the measurement by {100 * worst.relative_difference:.1f} % between "
                f"{worst.inner:g} and {worst.outer:g} of the Nyquist limit, where at most "
                f"{100 * LARGEST_DIFFERENCE:g} % are expected."
            )
        return
    worst = max(rings[1:], key=lambda ring: ring.chi_square or 0.0)
    if worst.chi_square is not None and worst.chi_square > LARGEST_CHI_SQUARE:
        yield (
            "The result differs from the measurement by more than its noise: chi-square "
            f"{worst.chi_square:.4g} a sample between {worst.inner:g} and {worst.outer:g} of the Nyquist "
            "limit, where about 1 is expected; that is "
            f"{100 * worst.relative_difference:.1f} % of the measurement there."
        )
