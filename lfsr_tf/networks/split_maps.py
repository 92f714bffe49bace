"""Cutting a stack of maps in two."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lfsr_tf")
class SplitMaps(keras.layers.Layer):
    """Cut [N, H, W, C] into its first `head` maps and the rest.

    A layer of its own rather than two slices: the gradient of a split is one concatenation, that of a slice
    is the whole stack filled with zeros.
    """

    def __init__(self, head: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.head = head

    def call(self, maps: Any) -> list[Any]:
        """[N, H, W, C] -> [N, H, W, head] and [N, H, W, C - head]."""
        return ops.split(maps, [self.head], axis=-1)

    def compute_output_spec(self, maps: keras.KerasTensor) -> list[keras.KerasTensor]:
        """Shapes and dtypes of the two parts."""
        *space, total = maps.shape
        return [
            keras.KerasTensor((*space, part), dtype=maps.dtype) for part in (self.head, total - self.head)
        ]

    def get_config(self) -> dict[str, Any]:
        """Plain values from which the layer is built again."""
        return {**super().get_config(), "head": self.head}
