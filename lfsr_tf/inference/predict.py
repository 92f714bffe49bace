"""Running a network over slices with bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lfsr_tf.inference.network import Images, RunningNetwork
from lfsr_tf.inference.tiles import Tile, plan_tiles
from lfsr_tf.networks.footprint import PIXELS_AT_ONCE
from lfsr_tf.physics.noise import TYPICAL_NOISE_LEVEL
from lfsr_tf.physics.views import OWN, Offset, mean_of_views

Advance = Callable[[int], None]
Reduce = Callable[[Mapping[Offset, Images]], Images]
"""From the results of all views, float32 [n, H, W] by offset, to float32 [n, ..., H, W]."""


class SlicePredictor:
    """A network for slices of any size.

    Attributes:
        network: That enhances them.
        pixels_of_a_slice: Most LR pixels that the network is given at once of a single slice.
        pixels_of_a_batch: The same of several slices together.
    """

    def __init__(self, network: RunningNetwork, *, pixel_budget: int | None = None) -> None:
        """Take a network.

        Args:
            network: That enhances slices.
            pixel_budget: Most LR pixels that the network is given at once. None: what is right for the
                network. Whole slices save the halos of tiles; larger batches would save nothing.
        """
        self.network = network
        self.pixels_of_a_slice = network.pixels_of_a_slice if pixel_budget is None else pixel_budget
        self.pixels_of_a_batch = PIXELS_AT_ONCE if pixel_budget is None else pixel_budget

    def __call__(
        self,
        views: Mapping[Offset, Images],
        advance: Advance | None = None,
        *,
        noise_level: float = TYPICAL_NOISE_LEVEL,
        reduce: Reduce = mean_of_views,
    ) -> Images:
        """Enlarge normalised slices.

        Args:
            views: float32 [N, H, W] by offset, divided by the volume's reference intensity: the slices at
                `OWN`, and those at other sample positions.
            advance: Told the number of slices that were finished.
            noise_level: Sigma of one channel over the reference intensity, for a network that takes it.
            reduce: What is made of the results of all views, a few slices at a time.

        Returns:
            float32 [N, ..., scale H, scale W], what `reduce` makes: their mean.

        Raises:
            ConfigError: A slice does not fit into the pixel budget and its smallest tile does not either.
            LfsrError: The device has not enough memory for the pixel budget, or a server does not answer.
        """
        count, height, width = views[OWN].shape
        tiles = self.tiles(height, width)
        at_once = max(1, self.pixels_of_a_batch // (height * width))
        result = np.empty((0,), np.float32)
        for start in range(0, count, at_once):
            batch = slice(start, min(start + at_once, count))
            enlarged = {
                offset: self._enlarged(slices[batch], tiles, noise_level) for offset, slices in views.items()
            }
            reduced = np.asarray(reduce(enlarged))
            if not start:
                result = np.empty((count, *reduced.shape[1:]), np.float32)
            result[batch] = reduced
            if advance is not None:
                advance(batch.stop - batch.start)
        return result

    def tiles(self, height: int, width: int) -> list[Tile]:
        """The tiles that slices of this size are cut into.

        Raises:
            ConfigError: Not even the smallest tile fits into the pixel budget.
        """
        traits = self.network.traits
        return plan_tiles(height, width, traits.halo, self.pixels_of_a_slice, traits.stride)

    def _enlarged(self, slices: Images, tiles: Sequence[Tile], noise_level: float) -> Images:
        count, height, width = slices.shape
        scale = self.network.traits.scale
        result = np.empty((count, height * scale, width * scale), np.float32)
        for tile in tiles:
            self._predict_tile(slices, result, tile, noise_level)
        return result

    def _predict_tile(self, slices: Images, result: Images, tile: Tile, noise_level: float) -> None:
        rows, columns = tile
        scale = self.network.traits.scale
        given = np.ascontiguousarray(slices[:, rows.given(), columns.given(), np.newaxis], dtype=np.float32)
        output = self.network.run(given, noise_level)[:, rows.kept(scale), columns.kept(scale), 0]
        result[:, rows.target(scale), columns.target(scale)] = output
