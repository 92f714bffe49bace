"""A convolution to very few maps: one matrix product, then shifted sums."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lfsr_tf")
class NarrowConv2D(keras.layers.Conv2D):
    """`Conv2D` with "same" padding for one or a few output maps: the same weights and numbers.

    Processors compute many output maps at once, and a convolution that has only one leaves them idle. Here
    each offset of the kernel counts as a map, so that all of them are one matrix product; then the products
    are shifted to their places and added.

    Args:
        filters: Maps of the result.
        kernel_size: Samples along both axes, odd.
        **kwargs: Of `Conv2D`, without strides, dilation, groups and padding.
    """

    def __init__(self, filters: int, kernel_size: int, **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, **{**kwargs, "padding": "same"})

    def call(self, maps: Any) -> Any:
        """[N, H, W, C] -> [N, H, W, filters]."""
        _, height, width, channels = ops.shape(maps)
        rows, columns = self.kernel_size
        kernel = ops.reshape(ops.transpose(self.kernel, (2, 0, 1, 3)), (channels, -1))
        products = ops.matmul(maps, kernel)
        border = ((rows // 2, rows // 2), (columns // 2, columns // 2))
        padded = ops.pad(products, ((0, 0), *border, (0, 0)))
        shifted = [
            padded[:, row : row + height, column : column + width, place : place + self.filters]
            for place, row, column in self._offsets()
        ]
        total = sum(shifted[1:], start=shifted[0])
        if self.use_bias:
            total = total + self.bias
        return total if self.activation is None else self.activation(total)

    def _offsets(self) -> list[tuple[int, int, int]]:
        """First map, row and column of each of the kernel's offsets."""
        rows, columns = self.kernel_size
        return [
            ((row * columns + column) * self.filters, row, column)
            for row in range(rows)
            for column in range(columns)
        ]
