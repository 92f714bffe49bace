"""A learned reconstruction after AUTOMAP, for whole LR slices, to compare with.

Sources: Zhu et al., "Image reconstruction by domain-transform manifold learning", Nature 555 (2018);
Koonjoo et al., "Boosting the signal-to-noise of low-field MRI with deep learning image reconstruction",
Scientific Reports 11 (2021). Two fully connected layers take k-space to an image, two 5 x 5 convolutions and
a 7 x 7 one finish it. Unlike theirs it gets the k-space of a magnitude image, as all networks here; its
hidden layer is narrower, 2,048 units; and what it makes is added to the image before the interpolation, since
a few minutes do not suffice to learn the transform itself.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from lfsr_tf.networks.registry import NETWORKS
from lfsr_tf.networks.sinc_interpolation import SincInterpolation


@keras.saving.register_keras_serializable(package="studies")
class FromKSpace(layers.Layer):
    """k-space of an image, through fully connected layers, to an image: [N, h, w, 1] -> the same.

    Smaller images are filled up with zeros at their ends; larger ones do not fit.

    Args:
        matrix: n.
        units: Of the hidden layer.
    """

    def __init__(self, matrix: int, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.matrix = matrix
        self.hidden = layers.Dense(units, activation="tanh", name="hidden", dtype=self.dtype_policy)
        self.image = layers.Dense(matrix**2, activation="tanh", name="image", dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        """Make the weights; they belong to one size."""
        self.hidden.build((None, 2 * self.matrix**2))
        self.image.build((None, self.hidden.units))
        self.built = True

    def call(self, images: Any) -> Any:
        """Both parts of k-space as one vector, orthonormal."""
        height, width = ops.shape(images)[1:3]
        missing = [[0, 0], [0, self.matrix - height], [0, self.matrix - width], [0, 0]]
        filled = ops.pad(ops.cast(images, "float32"), missing)
        flat = ops.reshape(filled, (-1, self.matrix, self.matrix))
        real, imaginary = ops.fft2((flat, ops.zeros_like(flat)))
        kspace = ops.stack([real, imaginary], axis=-1) / self.matrix
        vector = ops.reshape(kspace, (-1, 2 * self.matrix**2))
        image = ops.reshape(self.image(self.hidden(vector)), (-1, self.matrix, self.matrix, 1))
        return image[:, :height, :width]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """As the input."""
        return input_shape

    def compute_output_spec(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Shape and dtype of the result; by hand, since the sizes are not known yet."""
        return keras.KerasTensor(images.shape, dtype=self.compute_dtype)

    def input_range(self, sample: int) -> range:
        """Input samples that one output sample may read, along either axis: all that there are."""
        return range(sample - self.matrix + 1, sample + self.matrix)

    def get_config(self) -> dict[str, Any]:
        """Plain values from which the layer is built again."""
        return {**super().get_config(), "matrix": self.matrix, "units": self.hidden.units}


def automap(matrix: int = 64, units: int = 2048, filters: int = 64) -> keras.Model:
    """Build the network, for LR slices [N, h, w, 1] of up to `matrix` rows and columns."""
    lr = keras.Input((None, None, 1), name="lr")
    maps = FromKSpace(matrix, units, name="from_kspace")(lr)
    for number in (1, 2):
        maps = layers.Conv2D(filters, 5, padding="same", activation="relu", name=f"refine{number}")(maps)
    residual = layers.Conv2DTranspose(
        1, 7, padding="same", kernel_initializer="zeros", dtype="float32", name="samples"
    )(maps)
    denoised = layers.Add(dtype="float32", name="denoised")([lr, residual])
    return keras.Model(lr, SincInterpolation(dtype="float32", name="interpolation")(denoised), name="automap")


def register() -> None:
    """Make the network known by the name "AUTOMAP" in this process."""
    NETWORKS["AUTOMAP"] = automap
