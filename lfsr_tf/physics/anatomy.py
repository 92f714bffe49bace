"""A random, plausible head: which part of each voxel is which tissue.

Shapes and proportions follow an adult brain in RAS coordinates whose origin lies between the thalami; sizes
in mm.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from lfsr_tf.physics.cortex import folded_cortex
from lfsr_tf.physics.shapes import Grid, Vector, Volume, coverage, ellipsoid, tube, voxel_sizes, waves

TISSUES = ("muscle", "fat", "bone", "marrow", "csf", "grey", "white", "deep_grey", "lesion")

# The lowest slice passes the cerebellum and the eyes, the highest the vertex.
_CENTRE: Vector = (0.0, -3.0, 10.0)
_LESION_PROBABILITY = 0.35


@dataclass(frozen=True)
class Anatomy:
    """What the voxels of a head are made of.

    Attributes:
        fractions: Tissue to fraction of each voxel, float32 [X, Y, Z]; the rest up to 1 is air.
        texture: Relative variation of the signal within a tissue, float32 [X, Y, Z], about 1.
    """

    fractions: dict[str, Volume]
    texture: Volume


@functools.lru_cache(maxsize=1)
def random_anatomy(seed: int, shape: tuple[int, int, int], field_of_view: Vector) -> Anatomy:
    """Draw a head. The last one is kept, for the other contrasts of the same head; its arrays are read-only.

    Args:
        seed: The same seed gives the same head, at any matrix.
        shape: Voxels (X, Y, Z): right, front, up.
        field_of_view: Extent (X, Y, Z) in mm.
    """
    rng = np.random.default_rng(seed)
    grid = _grid(rng, shape, field_of_view)
    painter = _Painter(grid)
    brain = _head(rng, grid, painter)
    _cerebrum(rng, grid, painter, *brain)
    _deep_structures(rng, grid, painter)
    _hindbrain(rng, grid, painter)
    _eyes(rng, grid, painter)
    texture = 1.0 + 0.012 * waves(rng, grid, (4.0, 10.0), 16) + 0.02 * waves(rng, grid, (15.0, 40.0), 8)
    for array in (*painter.fractions.values(), texture):
        array.flags.writeable = False
    return Anatomy(painter.fractions, texture)


class _Painter:
    """Lays shapes over each other; every voxel's fractions keep their sum."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self.fractions = {tissue: np.zeros(grid.x.shape, np.float32) for tissue in TISSUES}

    def paint(self, tissue: str, distance: Volume) -> None:
        """Cover what is there with the inside of a shape."""
        self.cover(tissue, coverage(distance, self._grid.spacing))

    def cover(self, tissue: str, part: Volume) -> None:
        """Cover a part of each voxel."""
        rest = 1.0 - part
        for fraction in self.fractions.values():
            fraction *= rest
        self.fractions[tissue] += part


def _grid(rng: np.random.Generator, shape: tuple[int, int, int], field_of_view: Vector) -> Grid:
    """Voxel centres, turned a little and warped smoothly, so that no two heads have the same proportions."""
    spacing = voxel_sizes(shape, field_of_view)
    axes = [
        (np.arange(size, dtype=np.float32) - (size - 1) / 2.0) * step + centre
        for size, step, centre in zip(shape, spacing, _CENTRE, strict=True)
    ]
    x, y, z = np.meshgrid(*(axis.astype(np.float32) for axis in axes), indexing="ij")
    yaw, pitch, roll = (np.float32(np.radians(rng.normal(0.0, degrees))) for degrees in (3.0, 5.0, 2.0))
    x, y = x * np.cos(yaw) - y * np.sin(yaw), x * np.sin(yaw) + y * np.cos(yaw)
    y, z = y * np.cos(pitch) - z * np.sin(pitch), y * np.sin(pitch) + z * np.cos(pitch)
    x, z = x * np.cos(roll) - z * np.sin(roll), x * np.sin(roll) + z * np.cos(roll)
    straight = Grid(x, y, z, spacing)
    x, y, z = (axis + np.float32(1.8) * waves(rng, straight, (80.0, 160.0), 5) for axis in (x, y, z))
    return Grid(x, y, z, spacing)


def _head(rng: np.random.Generator, grid: Grid, painter: _Painter) -> tuple[Volume, Volume]:
    """Scalp, skull and the fluid below it; returns the depth below the brain's surface and the radius."""
    width, length, height = rng.normal((65.0, 82.0, 62.0), (2.0, 2.5, 2.0))
    # The back of the head is wider than the front.
    egg = Grid(grid.x * (1.0 + np.float32(0.0011) * grid.y), grid.y, grid.z, grid.spacing)
    # Below the equator the braincase hardly narrows.
    lower = np.where(egg.z < 0.0, np.float32(0.62), np.float32(1.0))
    case = Grid(egg.x, egg.y, egg.z * lower, grid.spacing)
    depth = ellipsoid(case, (0.0, 0.0, 0.0), (width, length, height))
    radius = np.sqrt((case.x / width) ** 2 + (case.y / length) ** 2 + (case.z / height) ** 2)
    fluid = rng.uniform(1.5, 3.0)
    skull = fluid + 5.5 + np.float32(0.7) * waves(rng, grid, (60.0, 120.0), 5)
    scalp = skull + rng.uniform(3.5, 6.0) + np.float32(0.5) * waves(rng, grid, (60.0, 120.0), 5)
    painter.paint("muscle", depth + scalp)
    painter.paint("fat", np.minimum(depth + scalp - 2.0, -(depth + skull) - 0.4))
    painter.paint("bone", depth + skull)
    painter.paint("marrow", np.minimum(depth + skull - 1.6, -(depth + fluid) - 1.4))
    painter.paint("csf", depth + np.float32(fluid))
    return depth, radius


def _cerebrum(rng: np.random.Generator, grid: Grid, painter: _Painter, depth: Volume, radius: Volume) -> None:
    cortex = folded_cortex(rng, grid, depth, radius, atrophy=float(rng.uniform(0.0, 0.5)))
    inside = coverage(depth, grid.spacing)
    painter.cover("grey", inside)
    painter.cover("white", inside * cortex.white)
    painter.cover("csf", inside * cortex.fluid)


def _deep_structures(rng: np.random.Generator, grid: Grid, painter: _Painter) -> None:
    """White matter core, nuclei, ventricles and lesions, drawn on one side and mirrored."""
    half = grid.mirrored()
    painter.paint("white", ellipsoid(half, (0.0, -2.0, 10.0), (29.0, 40.0, 17.0)))
    painter.paint(
        "grey", np.minimum(2.2 - np.abs(half.x - 39.0 - 0.02 * half.y), 17.0 - np.hypot(half.y, half.z))
    )
    size = rng.uniform(0.6, 1.25)
    body = [(9.0, 30.0, 3.0), (9.0, 16.0, 13.0), (11.0, -6.0, 20.0), (17.0, -28.0, 17.0), (24.0, -40.0, 8.0)]
    radii = [3.2 * size, 4.6 * size, 4.2 * size, 5.4 * size, 4.0 * size]
    _lesions(rng, grid, painter, body)
    painter.paint(
        "deep_grey", tube(half, [(15.0, 24.0, 4.0), (18.0, 8.0, 16.0), (20.0, -12.0, 22.0)], [6.2, 4.5, 2.2])
    )
    painter.paint("deep_grey", ellipsoid(half, (11.0, -12.0, 6.0), (8.5, 14.5, 9.5)))
    painter.paint("deep_grey", ellipsoid(_turned(half, 0.32), (27.5, -4.0, 3.0), (5.2, 15.0, 10.0)))
    painter.paint("white", ellipsoid(_turned(half, 0.32), (23.6, -5.0, 1.0), (0.5, 11.0, 8.0)))
    painter.paint("csf", tube(half, [*body, (21.0, -56.0, 5.0)], [*radii, 1.6 * size]))
    painter.paint("csf", ellipsoid(grid, (0.0, -8.0, -2.0), (1.7 * size, 14.0, 9.0)))
    painter.paint("white", np.minimum(ellipsoid(grid, (0.0, 0.0, 16.0), (0.9, 30.0, 8.0)), grid.z - 8.0))


def _lesions(rng: np.random.Generator, grid: Grid, painter: _Painter, ventricle: list[Vector]) -> None:
    """White-matter lesions beside the ventricles, in some heads only."""
    count = int(rng.integers(4, 16)) if rng.uniform() < _LESION_PROBABILITY else 0
    for _ in range(count):
        x, y, z = ventricle[int(rng.integers(len(ventricle)))]
        side = rng.choice((-1.0, 1.0))
        centre = (side * (x + rng.uniform(6.0, 17.0)), y + rng.normal(0.0, 7.0), z + rng.normal(4.0, 6.0))
        radius, flattening = rng.uniform(1.4, 4.5), rng.uniform(0.7, 1.4)
        spot = coverage(ellipsoid(grid, centre, (radius, radius * flattening, radius + 1.0)), grid.spacing)
        painter.cover("lesion", spot * painter.fractions["white"])


def _turned(grid: Grid, angle: float) -> Grid:
    """The grid turned about the vertical axis, radians."""
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return Grid(grid.x * cosine + grid.y * sine, grid.y * cosine - grid.x * sine, grid.z, grid.spacing)


def _hindbrain(rng: np.random.Generator, grid: Grid, painter: _Painter) -> None:
    """Cerebellum with its folia, brainstem, fourth ventricle and the cisterns around them."""
    cerebellum = ellipsoid(grid, (0.0, -47.0, -38.0), (48.0, 29.0, 22.0))
    painter.paint("csf", cerebellum + 2.0)
    painter.paint("grey", cerebellum)
    leaf = np.hypot(np.hypot(grid.y + 30.0, grid.z + 32.0), 0.35 * grid.x) + np.float32(1.2) * waves(
        rng, grid, (14.0, 26.0), 6
    )
    folia = np.abs(np.mod(leaf, 5.2) - 2.6)
    painter.paint("csf", np.minimum(0.45 - folia, cerebellum - 0.3))
    painter.paint("white", np.minimum(folia - 1.9, cerebellum - 2.5))
    painter.paint("white", ellipsoid(grid.mirrored(), (16.0, -44.0, -38.0), (15.0, 11.0, 9.0)))
    stem = tube(grid, [(0.0, -16.0, -4.0), (0.0, -20.0, -24.0), (0.0, -28.0, -60.0)], [11.0, 14.0, 10.0])
    lower = np.minimum(stem, -grid.z - 8.0)
    painter.paint("csf", lower + 2.5)
    painter.paint("white", lower)
    painter.paint("csf", ellipsoid(grid, (0.0, -36.0, -34.0), (6.0, 4.0, 9.0)))


def _eyes(rng: np.random.Generator, grid: Grid, painter: _Painter) -> None:
    half = grid.mirrored()
    spread = rng.uniform(30.0, 34.0)
    painter.paint("fat", ellipsoid(half, (spread, 64.0, -36.0), (17.0, 20.0, 14.0)))
    painter.paint("muscle", ellipsoid(half, (spread, 72.0, -36.0), (12.8, 12.8, 12.8)))
    painter.paint("csf", ellipsoid(half, (spread, 72.0, -36.0), (11.8, 11.8, 11.8)))
