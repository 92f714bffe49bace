"""Joining the two sides of a U-Net whose image does not divide by its strides."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lfsr_tf")
class AddCropped(keras.layers.Layer):
    """Add maps from a coarser grid, enlarged, to those of the finer one, cut where that one ends.

    Halving an odd number of samples rounds up, so that doubling makes one sample too many, behind the last.
    """

    def call(self, inputs: Any) -> Any:
        """[N, h, w, C] and [N, at least h, at least w, C] -> [N, h, w, C]."""
        fine, risen = inputs
        _, height, width, _ = ops.shape(fine)
        return fine + risen[:, :height, :width]

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """The first input's."""
        return input_shape[0]

    def input_range(self, sample: int) -> range:
        """Input samples that one output sample reads, along either axis."""
        return range(sample, sample + 1)
