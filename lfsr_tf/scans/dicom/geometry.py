"""From image planes to volumes: which planes belong together, in which order, and where the volume lies.

Axes: voxel index [column, row, slice] as nibabel orders it; slices ascend along row x column. DICOM's LPS is
turned into NIfTI's RAS+ (DICOM PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1). Slice distances come from the
positions alone: Spacing Between Slices is wrong in many files (it holds the gap in those of one vendor).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError
from lfsr_tf.scans.dicom.frames import Frame

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

# In slice distances; a missing slice shows as a whole one.
_SPACING_TOLERANCE = 0.05
# Positions are often rounded to 0.1 mm: two of them are as much nearer or farther, in three coordinates.
_ROUNDING_MM = 2.0 * math.sqrt(3.0) * 0.0501
_DIRECTION_TOLERANCE = 1e-3
# Sine of the angle between the stack's direction and the slices' normal; rounded positions reach 0.003.
_TILT_TOLERANCE = 0.02

_Place = tuple[float, float, float]


def split_volumes(frames: Sequence[Frame], name: str) -> list[list[Frame]]:
    """Split the planes of one series or file into volumes, each sorted along its normal.

    Stacks are separate volumes. Where several planes lie at one place, the first trait whose values part them
    into complete volumes is used, then the next one within each part. Parts are ordered by their values of
    the trait, whatever the files are called: numbers as numbers, after what has no value, before text.

    Args:
        frames: All planes; other components than magnitude are left out where there is magnitude.
        name: The series, for error messages.

    Returns:
        The volumes, those of the first stack first, in the order of their traits.

    Raises:
        ScanError: There is no magnitude, or planes coincide and no trait tells them apart.
    """
    magnitude = [frame for frame in frames if frame.component == "magnitude"]
    if not magnitude:
        raise ScanError(
            f"Expected magnitude images. Received: {frames[0].component} images in {name}. "
            "Give the magnitude series of the same scan."
        )
    volumes = []
    for stack in dict.fromkeys(frame.stack for frame in magnitude):
        parts = [[frame for frame in magnitude if frame.stack == stack]]
        for trait in magnitude[0].traits:
            parts = [piece for part in parts for piece in _split_by(part, trait)]
        volumes += [sorted(part, key=lambda frame: float(frame.position @ part[0].normal)) for part in parts]
    return volumes


def _place(frame: Frame) -> _Place:
    x, y, z = np.round(frame.position, 2) + 0.0  # + 0.0: no negative zero
    return float(x), float(y), float(z)


def _split_by(frames: list[Frame], trait: str) -> list[list[Frame]]:
    """Parts with one value of `trait` each if every part covers every place, else the whole."""
    places = {_place(frame) for frame in frames}
    if len(places) == len(frames):
        return [frames]
    parts: dict[object, list[Frame]] = {}
    for frame in frames:
        parts.setdefault(frame.traits.get(trait), []).append(frame)
    complete = all({_place(frame) for frame in part} == places for part in parts.values())
    return [parts[value] for value in sorted(parts, key=_rank)] if complete else [frames]


def _rank(value: object) -> tuple[float, str]:
    """The place of a trait's value among others: what is missing, then numbers, then text."""
    text = "" if value is None else str(value)
    try:
        number = float(text)
    except ValueError:
        number = math.inf if text else -math.inf
    return (math.inf if math.isnan(number) else number), text


def volume_affine(frames: Sequence[Frame], name: str) -> NDArray[np.float64]:
    """Voxel index [column, row, slice] to RAS+ millimetres of sorted planes.

    Args:
        frames: The planes of one volume in slice order.
        name: The series, for error messages.

    Returns:
        float64 [4, 4].

    Raises:
        ScanError: Planes are turned against each other, coincide, or are unevenly spaced or sheared.
    """
    _check_parallel(frames, name)
    first = frames[0]
    positions = np.array([frame.position for frame in frames])
    if len(frames) == 1:
        step = first.normal * first.thickness
    else:
        _check_even(frames, name)
        step = (positions[-1] - positions[0]) / (len(frames) - 1)
        _check_on_line(positions, step, first, name)
    between_rows, between_columns = first.spacing
    lps = np.eye(4)
    lps[:3, 0] = first.row * between_columns
    lps[:3, 1] = first.column * between_rows
    lps[:3, 2] = step
    lps[:3, 3] = positions[0]
    return LPS_TO_RAS @ lps


def _check_parallel(frames: Sequence[Frame], name: str) -> None:
    first = frames[0]
    for frame in frames[1:]:
        turned = max(np.abs(frame.row - first.row).max(), np.abs(frame.column - first.column).max())
        if turned > _DIRECTION_TOLERANCE:
            raise ScanError(
                f"Expected parallel slices. Received: {first.label} and {frame.label} of {name} with "
                "different ImageOrientationPatient. Give a series of one orientation (a localizer is not a "
                "volume)."
            )
        if not np.allclose(frame.spacing, first.spacing, rtol=1e-3):
            raise ScanError(
                f"Expected one pixel size. Received: {first.spacing} mm in {first.label} and {frame.spacing} "
                f"mm in {frame.label} of {name}. Give a series of one field of view."
            )


def _check_even(frames: Sequence[Frame], name: str) -> None:
    along = np.array([frame.position @ frames[0].normal for frame in frames])
    gaps = np.diff(along)
    usual = float(np.median(gaps))
    narrow, wide = int(np.argmin(gaps)), int(np.argmax(gaps))
    if gaps[narrow] < max(1e-3, _SPACING_TOLERANCE * gaps[wide]):
        raise ScanError(
            f"Expected one slice at each place. Received: {frames[narrow].label} and "
            f"{frames[narrow + 1].label} of {name} at the same one. Remove the duplicate, or give each "
            "repetition its own folder."
        )
    worst = wide if gaps[wide] - usual > usual - gaps[narrow] else narrow
    rounding = min(_ROUNDING_MM, 0.4 * usual)
    if abs(gaps[worst] - usual) > max(_SPACING_TOLERANCE * usual, rounding):
        raise ScanError(
            f"Expected evenly spaced slices, {usual:.3f} mm apart in {name}. Received: {gaps[worst]:.3f} mm "
            f"between {frames[worst].label} and {frames[worst + 1].label}. Add the missing slice or give the "
            "whole series."
        )


def _check_on_line(
    positions: NDArray[np.float64], step: NDArray[np.float64], first: Frame, name: str
) -> None:
    length = float(np.linalg.norm(step))
    tilt = float(np.linalg.norm(np.cross(step / length, first.normal)))
    predicted = positions[0] + np.arange(len(positions))[:, None] * step
    aside = float(np.linalg.norm(positions - predicted, axis=1).max())
    if tilt > _TILT_TOLERANCE or aside > max(_SPACING_TOLERANCE * length, _ROUNDING_MM):
        raise ScanError(
            f"Expected slices stacked straight along their normal. Received: {name}, where they are shifted "
            f"sideways (tilt {np.degrees(np.arcsin(min(tilt, 1.0))):.1f} degrees, {aside:.2f} mm off the "
            "line). Resample the scan to a straight stack first."
        )
