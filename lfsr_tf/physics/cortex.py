"""The folded cortex of the phantom.

Sulci are the zero lines of a band-limited random field on the brain's surface, carried inwards to a random
depth: a labyrinth of winding lines of nearly equal spacing, as gyri have. The cortical ribbon is what lies
within the cortical thickness of the surface or of a sulcal wall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lfsr_tf.physics.shapes import Grid, Volume, coverage, ellipsoid, waves

# mm on the brain's surface; sulci are half a wavelength apart.
_FOLD_WAVELENGTHS = (20.0, 27.0)
_MIRROR_SHARE = 0.75


@dataclass(frozen=True)
class Cortex:
    """Fractions [X, Y, Z] of the inside of the brain.

    Attributes:
        white: White matter; the cortical ribbon is what is neither white nor fluid.
        fluid: Cerebrospinal fluid in sulci and fissures.
    """

    white: Volume
    fluid: Volume


def folded_cortex(
    rng: np.random.Generator, grid: Grid, depth: Volume, radius: Volume, atrophy: float
) -> Cortex:
    """Fold the cortex of a brain.

    Args:
        rng: Source of the folds.
        grid: Positions in mm.
        depth: Distance below the brain's surface in mm, [X, Y, Z].
        radius: Normalised distance from the brain's centre, 1 at its surface, [X, Y, Z].
        atrophy: Additional half-width of the sulci in mm; 0 is a young brain.

    Returns:
        The fractions; what lies outside the brain is meaningless.
    """
    thickness = rng.uniform(2.5, 3.1)
    wall = np.minimum(_sulci(rng, grid, depth, radius), _fissures(rng, grid))
    # Sulci gape towards the surface.
    gap = np.float32(0.3 + atrophy) + np.float32(0.7 + atrophy) * np.exp(-np.maximum(depth, 0.0) / 4.0)
    beyond_pia = np.minimum(depth, wall - gap)
    return Cortex(
        white=coverage(beyond_pia - np.float32(thickness), grid.spacing),
        fluid=coverage(gap - wall, grid.spacing),
    )


def _sulci(rng: np.random.Generator, grid: Grid, depth: Volume, radius: Volume) -> Volume:
    """Distance in mm to the nearest sulcus."""
    # Where a point lies on the surface, so that sulci run inwards; not quite radially, or they would be
    # straight.
    stretch = np.maximum(radius, 0.25) ** np.float32(-0.8)
    surface = Grid(grid.x * stretch, grid.y * stretch, grid.z * stretch, grid.spacing)
    field = _MIRROR_SHARE * waves(rng, surface.mirrored(), _FOLD_WAVELENGTHS, 18)
    field += (1.0 - _MIRROR_SHARE) * waves(rng, surface, _FOLD_WAVELENGTHS, 10)
    field += np.float32(0.12) * waves(rng, grid, (9.0, 14.0), 8)
    # A single slice has no neighbours to differ from.
    axes = [axis for axis in range(3) if field.shape[axis] > 1]
    slopes = np.gradient(field, *(grid.spacing[axis] for axis in axes), axis=axes)
    slope = np.sqrt(sum(part**2 for part in slopes))
    # Where the field is flat its zero line is far away, however small the value is.
    distance = np.abs(field) / (slope + np.float32(0.04))
    reach = np.clip(20.0 + 6.0 * waves(rng, grid, (45.0, 80.0), 6), 6.0, 28.0)
    return np.hypot(distance, np.maximum(depth - reach, 0.0))


def _fissures(rng: np.random.Generator, grid: Grid) -> Volume:
    """Distance in mm to the longitudinal and the Sylvian fissures."""
    sides = np.abs(grid.x)
    # The commissures and the thalami, which the longitudinal fissure does not cut.
    core = ellipsoid(grid, (0.0, -4.0, 4.0), (400.0, 40.0, 26.0))
    longitudinal = np.hypot(sides, np.maximum(core, 0.0))
    floor, rise = rng.uniform(30.0, 35.0), rng.uniform(0.5, 0.8)
    bend = np.float32(3.0) * np.sin(sides / np.float32(7.0))
    across = np.abs(grid.y - 6.0 - bend - np.float32(rise) * (grid.z - 2.0)) / np.float32(np.hypot(1.0, rise))
    outside = np.hypot(np.maximum(floor - sides, 0.0), np.maximum(np.abs(grid.z - 2.0) - 16.0, 0.0))
    return np.minimum(longitudinal, np.hypot(across, outside))
