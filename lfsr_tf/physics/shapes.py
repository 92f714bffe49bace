"""Implicit shapes for the phantom: signed distances in mm, positive inside, and soft, anti-aliased edges.

NumPy, not TensorFlow: a phantom is drawn once, on the CPU, and its bytes must not depend on a device.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.float32]
Vector = tuple[float, float, float]

_SLAB = 8
_TINY = np.float32(1e-6)


@dataclass(frozen=True)
class Grid:
    """Positions of the voxels' centres in mm, each array [X, Y, Z].

    Attributes:
        x: To the right.
        y: To the front.
        z: Upwards.
        spacing: Voxel sizes in mm.
    """

    x: Volume
    y: Volume
    z: Volume
    spacing: Vector

    def mirrored(self) -> Grid:
        """Both sides of the head laid upon each other: what is drawn in this grid is symmetric."""
        return Grid(np.abs(self.x), self.y, self.z, self.spacing)


def voxel_sizes(shape: tuple[int, int, int], field_of_view: Vector) -> Vector:
    """Voxel sizes in mm of a matrix [X, Y, Z] over a field of view in mm."""
    return field_of_view[0] / shape[0], field_of_view[1] / shape[1], field_of_view[2] / shape[2]


def coverage(distance: Volume, spacing: Vector) -> Volume:
    """Fraction of each voxel inside a shape, from the signed distance of its centre to the surface."""
    width = np.float32(max(spacing[0], spacing[1]))
    return np.clip(0.5 + distance / width, 0.0, 1.0).astype(np.float32, copy=False)


def ellipsoid(grid: Grid, centre: Vector, semi_axes: Vector) -> Volume:
    """Distance to the surface of an ellipsoid, exact to first order near it."""
    sizes = [np.float32(size) for size in semi_axes]
    parts = [(axis - np.float32(c)) / a for axis, c, a in zip(_axes(grid), centre, sizes, strict=True)]
    radius: Volume = np.maximum(np.sqrt(_squares(parts)), _TINY)
    slope: Volume = np.maximum(
        np.sqrt(_squares([part / a for part, a in zip(parts, sizes, strict=True)])), _TINY
    )
    return (np.float32(1.0) - radius) * radius / slope


def tube(grid: Grid, points: list[Vector], radii: list[float]) -> Volume:
    """Distance to the surface of a tube along a polyline whose radius changes linearly between the points."""
    pieces = zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True)
    return np.maximum.reduce([_cone(grid, *piece) for piece in pieces])


def waves(rng: np.random.Generator, grid: Grid, wavelengths: tuple[float, float], count: int) -> Volume:
    """A smooth random field of zero mean and unit variance: plane waves in random directions.

    Args:
        rng: Source of directions and phases.
        grid: Where to evaluate it.
        wavelengths: Shortest and longest wavelength in mm.
        count: Waves; 20 or more look isotropic.
    """
    directions = rng.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    vectors = (directions * (2.0 * np.pi / rng.uniform(*wavelengths, size=(count, 1)))).astype(np.float32)
    phases = rng.uniform(0.0, 2.0 * np.pi, count).astype(np.float32)
    field = np.zeros(grid.x.shape, np.float32)
    # Slab by slab, since the temporary arrays of one slab fit into the processor's cache.
    for start in range(0, len(field), _SLAB):
        slab = slice(start, start + _SLAB)
        x, y, z = (axis[slab] for axis in _axes(grid))
        for (kx, ky, kz), phase in zip(vectors, phases, strict=True):
            field[slab] += np.cos(kx * x + ky * y + (kz * z + phase))
    return field * np.float32(np.sqrt(2.0 / count))


def _axes(grid: Grid) -> tuple[Volume, Volume, Volume]:
    return grid.x, grid.y, grid.z


def _squares(parts: list[Volume]) -> Volume:
    return parts[0] ** 2 + parts[1] ** 2 + parts[2] ** 2


def _cone(grid: Grid, start: Vector, end: Vector, first: float, last: float) -> Volume:
    offset = [axis - np.float32(c) for axis, c in zip(_axes(grid), start, strict=True)]
    along = np.subtract(end, start).astype(np.float32)
    position = sum(part * step for part, step in zip(offset, along, strict=True)) / np.dot(along, along)
    position = np.clip(position, 0.0, 1.0)
    gap = np.sqrt(_squares([part - position * step for part, step in zip(offset, along, strict=True)]))
    return np.float32(first) + position * np.float32(last - first) - gap
