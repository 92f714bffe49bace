"""Running the network over slices with bounded memory."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import LfsrError
from lfsr_tf.inference.tiles import Tile, plan_tiles
from lfsr_tf.networks import grid_stride, receptive_radius, takes_noise_level, with_noise_level
from lfsr_tf.physics.noise import TYPICAL_NOISE_LEVEL

Images = NDArray[np.float32]
Advance = Callable[[int], None]


class SlicePredictor:
    """A network made ready for slices of any size.

    Attributes:
        scale: Samples out for each sample in, along both axes.
        halo: The network's receptive radius in LR samples.
        stride: Of the network's coarsest grid in LR samples.
        pixel_budget: Most LR pixels that the network is given at once, over all slices of a batch.
        takes_noise_level: Whether the network must be told the noise level.
    """

    def __init__(self, model: keras.Model, *, scale: int, pixel_budget: int) -> None:
        """Trace the network once, for every batch size, height and width.

        Raises:
            ModelError: The network has a layer whose reach is not known.
        """
        self.scale, self.pixel_budget = scale, pixel_budget
        self.halo, self.stride = receptive_radius(model), grid_stride(model)
        self.takes_noise_level = takes_noise_level(model)
        signature = [tf.TensorSpec(model.input_shape, tf.float32)]
        # Without XLA: it would compile anew for each shape, which takes longer than the slices.
        self._network = tf.function(
            lambda images: tf.cast(model(images, training=False), tf.float32),
            input_signature=signature,
            jit_compile=False,
        )

    def __call__(
        self, slices: Images, advance: Advance | None = None, *, noise_level: float = TYPICAL_NOISE_LEVEL
    ) -> Images:
        """Enlarge normalised slices.

        Args:
            slices: float32 [N, H, W], divided by the volume's reference intensity.
            advance: Told the number of slices that were finished.
            noise_level: Sigma of one channel over the reference intensity, for a network that takes it.

        Returns:
            float32 [N, scale H, scale W].

        Raises:
            ConfigError: A slice does not fit into the pixel budget and its smallest tile does not either.
            LfsrError: The device has not enough memory for the pixel budget.
        """
        count, height, width = slices.shape
        tiles = self.tiles(height, width)
        result = np.empty((count, height * self.scale, width * self.scale), np.float32)
        at_once = max(1, self.pixel_budget // (height * width))
        for start in range(0, count, at_once):
            batch = slice(start, min(start + at_once, count))
            for tile in tiles:
                self._predict_tile(slices[batch], result[batch], tile, noise_level)
            if advance is not None:
                advance(batch.stop - batch.start)
        return result

    def tiles(self, height: int, width: int) -> list[Tile]:
        """The tiles that slices of this size are cut into.

        Raises:
            ConfigError: Not even the smallest tile fits into the pixel budget.
        """
        return plan_tiles(height, width, self.halo, self.pixel_budget, self.stride)

    def _predict_tile(self, slices: Images, result: Images, tile: Tile, noise_level: float) -> None:
        rows, columns = tile
        given = np.ascontiguousarray(slices[:, rows.given(), columns.given(), np.newaxis], dtype=np.float32)
        try:
            images = tf.constant(given)
            enlarged = self._network(
                with_noise_level(images, noise_level) if self.takes_noise_level else images
            )
        except tf.errors.ResourceExhaustedError as error:
            raise LfsrError(
                f"Not enough memory for {given.shape[0]} images of {given.shape[1]} x {given.shape[2]} "
                f"at once. Lower the pixel budget, {self.pixel_budget}."
            ) from error
        output = enlarged[:, rows.kept(self.scale), columns.kept(self.scale), 0]
        result[:, rows.target(self.scale), columns.target(self.scale)] = output.numpy()
