"""Sub-pixel upsampling: maps become samples."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lfsr_tf")
class SubPixelUpsampling(keras.layers.Layer):
    """Rearrange [N, H, W, s * s * C] into [N, s * H, s * W, C].

    Map (a * s + b) * C + c becomes row a, column b of channel c.

    Source: Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
    Convolutional Neural Network", CVPR 2016, eq. 4.

    Args:
        upsampling: s, samples of the result per sample of the input along each axis.
    """

    def __init__(self, upsampling: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.upsampling = upsampling

    def call(self, maps: Any) -> Any:
        """[N, H, W, s * s * C] -> [N, s * H, s * W, C]."""
        scale = self.upsampling
        batch, height, width, _ = ops.shape(maps)
        channels = maps.shape[-1] // scale**2
        cells = ops.reshape(maps, (batch, height, width, scale, scale, channels))
        rows = ops.transpose(cells, (0, 1, 3, 2, 4, 5))
        return ops.reshape(rows, (batch, height * scale, width * scale, channels))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The rows and columns times s, the maps by s^2."""
        batch, height, width, maps = input_shape
        scale = self.upsampling
        return batch, height and scale * height, width and scale * width, maps and maps // scale**2

    def input_range(self, sample: int) -> range:
        """Input samples that one output sample reads, along either axis."""
        return range(sample // self.upsampling, sample // self.upsampling + 1)

    def get_config(self) -> dict[str, Any]:
        """Plain values from which the layer is built again."""
        return {**super().get_config(), "upsampling": self.upsampling}
