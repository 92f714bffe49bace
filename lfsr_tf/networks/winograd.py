"""Sums of 3 x 3 convolutions by Winograd's algorithm: four multiplications where the direct form takes nine.

The image is cut into tiles of 4 x 4 samples that overlap by 2, each is transformed, and every place of a tile
is then a matrix product over the maps of its own. What comes out is transformed back into 2 x 2 samples. Maps
that several convolutions read are transformed once, and convolutions that are added up are added before they
are transformed back: in a densely connected network hardly any transforms are left. Training takes the
direct form.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1,
F(2x2, 3x3).
"""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
from keras import ops

_PLACES = 16
# Eq. 8: the transform of a kernel's three samples along one axis.
_KERNEL_TRANSFORM = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]], np.float32) / 2


@keras.saving.register_keras_serializable(package="lfsr_tf")
class WinogradTiles(keras.layers.Layer):
    """Transform maps for the convolutions that will read them.

    [N, H, W, C] -> [16, N * ceil(H / 2) * ceil(W / 2), C]: the 4 x 4 places of a tile, and the tiles in the
    order of images, rows and columns.
    """

    # Tiles of the network's image must begin where those of the whole image do, to be rounded alike.
    grid_stride = 2

    def call(self, maps: Any) -> Any:
        """Tiles of the maps, with a border of zeros."""
        batch, height, width, count = ops.shape(maps)
        rows, columns = (height + 1) // 2, (width + 1) // 2
        border = ((1, 2 * rows + 1 - height), (1, 2 * columns + 1 - width))
        padded = ops.pad(maps, ((0, 0), *border, (0, 0)))
        cells = ops.reshape(padded, (batch, rows + 1, 2, columns + 1, 2, count))
        # By unstacking, not by indices: the gradient of an index is a whole array of zeros but for one part.
        parts = [ops.unstack(row, axis=3) for row in ops.unstack(cells, axis=2)]
        along_rows = [
            _transformed(even[:, :-1], odd[:, :-1], even[:, 1:], odd[:, 1:])
            for even, odd in zip(*parts, strict=True)
        ]
        places = [
            place
            for even, odd in zip(*along_rows, strict=True)
            for place in _transformed(even[:, :, :-1], odd[:, :, :-1], even[:, :, 1:], odd[:, :, 1:])
        ]
        return ops.reshape(ops.stack(places), (_PLACES, batch * rows * columns, count))

    def compute_output_spec(self, maps: keras.KerasTensor) -> keras.KerasTensor:
        """Shape and dtype; how many tiles there are is known only with the image."""
        return keras.KerasTensor((_PLACES, None, maps.shape[-1]), dtype=self.compute_dtype)

    def input_range(self, sample: int) -> range:
        """Of the analysis, which counts a tile's samples at their places: the reach is that of the sums."""
        return range(sample, sample + 1)


@keras.saving.register_keras_serializable(package="lfsr_tf")
class WinogradSums(keras.layers.Layer):
    """The sum of the 3 x 3 convolutions of several stacks of maps: that of their concatenation.

    `kernel` [3, 3, maps of all sources, filters] and `bias` [filters] are those of a `Conv2D` with "same"
    padding over the concatenated sources.

    Args:
        filters: Maps of the result.
        kernel_initializer: Of the first weights.
    """

    def __init__(self, filters: int, kernel_initializer: Any = "he_normal", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        """Make the weights for sources of these shapes, given as tiles and then as maps."""
        self.sources = [shape[-1] or 0 for shape in input_shape[len(input_shape) // 2 :]]
        # The transform of a kernel is taken in float32 and then rounded once.
        self.kernel = self.add_weight(
            (3, 3, sum(self.sources), self.filters),
            initializer=self.kernel_initializer,
            autocast=False,
            name="kernel",
        )
        self.bias = self.add_weight((self.filters,), initializer="zeros", name="bias")

    def call(self, inputs: list[Any], training: bool | None = None) -> Any:
        """Sum the convolutions.

        Args:
            inputs: Every source's tiles, then every source's maps [N, H, W, C].
            training: Whether a training step asks. Its gradients would cost more than the multiplications
                that are saved, so then the maps are convolved directly; tiles that nothing needs are not even
                computed in a compiled step.

        Returns:
            [N, H, W, filters].
        """
        tiles, maps = inputs[: len(self.sources)], inputs[len(self.sources) :]
        return (self._direct(maps) if training else self._from_tiles(tiles, maps[0])) + self.bias

    def _from_tiles(self, tiles: list[Any], maps: Any) -> Any:
        joined = ops.concatenate(tiles, axis=-1) if len(tiles) > 1 else tiles[0]
        return _untransformed(ops.matmul(joined, self._transformed_kernel()), maps)

    def _direct(self, maps: list[Any]) -> Any:
        """One convolution a source: joined maps would have to be kept for the gradient."""
        kernel, ends = ops.cast(self.kernel, self.compute_dtype), list(itertools.accumulate(self.sources))
        parts = ops.split(kernel, ends[:-1], axis=2) if len(maps) > 1 else [kernel]
        sums = [ops.conv(one, part, padding="same") for one, part in zip(maps, parts, strict=True)]
        return sum(sums[1:], start=sums[0])

    def _transformed_kernel(self) -> Any:
        """[16, maps of all sources, filters] in the dtype that the layer computes in."""
        outer = np.kron(_KERNEL_TRANSFORM, _KERNEL_TRANSFORM)
        kernel = ops.matmul(ops.convert_to_tensor(outer), ops.reshape(self.kernel, (9, -1)))
        return ops.cast(ops.reshape(kernel, (_PLACES, -1, self.filters)), self.compute_dtype)

    def compute_output_spec(self, inputs: list[keras.KerasTensor]) -> keras.KerasTensor:
        """Shape and dtype of the sums."""
        return keras.KerasTensor((*inputs[-1].shape[:-1], self.filters), dtype=self.compute_dtype)

    def input_range(self, sample: int) -> range:
        """Input samples that one output sample reads, along either axis."""
        return range(sample - 1, sample + 2)

    def get_config(self) -> dict[str, Any]:
        """Plain values from which the layer is built again."""
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "filters": self.filters, "kernel_initializer": initializer}


def _transformed(first: Any, second: Any, third: Any, fourth: Any) -> list[Any]:
    """Eq. 8: a tile's four samples along one axis, transformed."""
    return [first - third, second + third, third - second, second - fourth]


def _untransformed(products: Any, maps: Any) -> Any:
    """[16, tiles, filters] -> [N, H, W, filters], N, H and W those of the maps."""
    batch, height, width, _ = ops.shape(maps)
    rows, columns = (height + 1) // 2, (width + 1) // 2
    filters = products.shape[-1]
    places = ops.reshape(products, (4, 4, batch, rows, columns, filters))
    along_rows = _back(*ops.unstack(places))
    cells = [ops.stack(_back(*ops.unstack(row)), axis=3) for row in along_rows]
    whole = ops.reshape(ops.stack(cells, axis=2), (batch, 2 * rows, 2 * columns, filters))
    return whole[:, :height, :width]


def _back(first: Any, second: Any, third: Any, fourth: Any) -> list[Any]:
    """Eq. 8: the two samples of the result along one axis."""
    return [first + (second + third), (second - third) - fourth]
