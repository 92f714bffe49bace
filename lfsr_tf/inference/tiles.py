"""Cutting a slice into tiles that give the same result as the whole slice.

A convolutional network computes each output sample from a neighbourhood of its input of limited radius. A
tile that brings this radius along as a halo on every side where the slice goes on therefore has, inside the
halo, the same result as the whole slice. At the true borders of the slice there is no halo: the network
pads with zeros there, as it does for the whole slice. Where the network has coarser grids, tiles begin and
end a multiple of their stride from those borders, so that the grids lie as they do in the whole slice, also
in a mirror.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

from lfsr_tf.errors import ConfigError


@dataclass(frozen=True)
class Span:
    """One axis of a tile, in LR samples.

    Attributes:
        start: First sample that the tile is responsible for.
        stop: One behind the last.
        input_start: First sample that the network is given.
        input_stop: One behind the last.
    """

    start: int
    stop: int
    input_start: int
    input_stop: int

    @property
    def length(self) -> int:
        """Samples that the network is given."""
        return self.input_stop - self.input_start

    def given(self) -> slice:
        """Where the network's input is in the slice."""
        return slice(self.input_start, self.input_stop)

    def target(self, scale: int) -> slice:
        """Where the result belongs in the enlarged slice."""
        return slice(self.start * scale, self.stop * scale)

    def kept(self, scale: int) -> slice:
        """Which part of the network's output is free of the halo."""
        return slice((self.start - self.input_start) * scale, (self.stop - self.input_start) * scale)


Tile = tuple[Span, Span]


def plan_tiles(height: int, width: int, halo: int, pixel_budget: int, stride: int = 1) -> list[Tile]:
    """Tiles that cover a slice, each with no more input pixels than the budget.

    Args:
        height: Rows of the slice.
        width: Columns of the slice.
        halo: Receptive radius of the network in LR samples.
        pixel_budget: Most LR pixels that the network is given at once.
        stride: Of the network's coarsest grid in LR samples; a multiple of it lies between the borders of
            each tile's input and those of the slice.

    Returns:
        A single tile, without any halo, where the slice fits; otherwise as few as the budget allows.

    Raises:
        ConfigError: The budget does not even hold a tile of 16 x 16 pixels with its halo.
    """
    divided = [list(_divisions(size, halo, stride)) for size in (height, width)]
    best: list[Tile] = []
    for rows in divided[0]:
        fitting = (c for c in divided[1] if _largest(rows) * _largest(c) <= pixel_budget)
        tiles = list(product(rows, next(fitting, [])))
        if tiles and (not best or _computed(tiles) < _computed(best)):
            best = tiles
    if not best:
        needed = _largest(divided[0][-1]) * _largest(divided[1][-1])
        raise ConfigError(
            f"Expected a pixel budget of at least {needed} for a network that sees {halo} pixels around "
            f"each. Received: {pixel_budget}. Raise the pixel budget."
        )
    return best


def _divisions(size: int, halo: int, stride: int, smallest: int = 16) -> Iterator[list[Span]]:
    """An axis in one part, two, and so on, as even as can be, down to parts of `smallest` samples."""
    for parts in range(1, max(size // smallest, 1) + 1):
        edges = [round(part * size / parts) for part in range(parts + 1)]
        yield [
            Span(
                start,
                stop,
                max(start - halo, 0) // stride * stride,
                size - max(size - stop - halo, 0) // stride * stride,
            )
            for start, stop in pairwise(edges)
        ]


def _computed(tiles: list[Tile]) -> int:
    """Pixels that the network is given in all."""
    return sum(row.length * column.length for row, column in tiles)


def _largest(spans: list[Span]) -> int:
    return max(span.length for span in spans)
