"""What a network takes and gives, whichever it is: one image channel, and with it perhaps the noise level.

A network with a noise-level input is told how strong the noise is instead of having to guess it from the
image, so that one network serves the whole range without paying for it at each level. The level is a second
channel of the input, the same at every pixel (Zhang, Zuo and Zhang, "FFDNet: Toward a Fast and Flexible
Solution for CNN-Based Image Denoising", IEEE TIP 27, 2018), so that tiles, mirror images and batches of
different levels need no rule of their own.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from lfsr_tf.errors import ModelError

_PROBE_PIXELS = 16


@keras.saving.register_keras_serializable(package="lfsr_tf")
class ImageChannel(layers.Layer):
    """The image of an input that holds the noise level as well: [N, h, w, 2] -> [N, h, w, 1]."""

    def call(self, inputs: Any) -> Any:
        """The first channel."""
        return inputs[..., :1]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """One channel."""
        return *input_shape[:-1], 1

    def input_range(self, sample: int) -> range:
        """Input samples that one output sample reads, along either axis."""
        return range(sample, sample + 1)


def network_input(noise_level: bool) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The input of a network, and the image in it.

    Args:
        noise_level: Whether the input holds the noise level as its second channel.

    Returns:
        [N, h, w, 1] twice, or [N, h, w, 2] and its [N, h, w, 1].
    """
    if not noise_level:
        lr = keras.Input((None, None, 1), name="lr")
        return lr, lr
    given = keras.Input((None, None, 2), name="lr")
    return given, ImageChannel(dtype="float32", name="image")(given)


def takes_noise_level(model: keras.Model) -> bool:
    """Whether a network's input has the noise level as its second channel.

    Raises:
        ModelError: As `scale_of`, of the input.
    """
    return _channels(model) == 2


def with_noise_level(images: Any, sigma: Any) -> Any:
    """The input of a network that is told the noise level.

    Args:
        images: float32 [N, h, w, 1], in units of the reference intensity.
        sigma: float32 [N] or a number, of the noise of one channel in the same units.

    Returns:
        float32 [N, h, w, 2].
    """
    level = ops.reshape(ops.cast(sigma, images.dtype), (-1, 1, 1, 1))
    return ops.concatenate([images, level * ops.ones_like(images)], axis=-1)


def scale_of(model: keras.Model) -> int:
    """HR samples for each LR sample along an axis.

    Raises:
        ModelError: The network does not take images of any size, with or without a noise level, to larger
            one-channel images, or does not tell what it takes: it is not functional.
    """
    channels = _channels(model)
    shape = model.compute_output_shape((1, _PROBE_PIXELS, _PROBE_PIXELS, channels))
    if len(shape) != 4 or shape[1] != shape[2] or shape[1] % _PROBE_PIXELS or shape[3] != 1:
        raise ModelError(
            f"Expected a network that enlarges [1, 16, 16, {channels}] by a whole factor. Received: "
            f"{model.name}, which gives {tuple(shape)}."
        )
    return int(shape[1]) // _PROBE_PIXELS


def _channels(model: keras.Model) -> int:
    """Of the network's input: 2 with the noise level, else 1."""
    # A subclass of Model that is not functional has none, built or not.
    given = getattr(model, "input_shape", None)
    if given not in [(None, None, None, 1), (None, None, None, 2)]:
        raise ModelError(
            "Expected a network for images (None, None, None, 1), or (None, None, None, 2) with the noise "
            f"level. Received: {model.name}, whose input_shape is {given}. Choose a model of this package, "
            "or make one of such an Input, keras.Model(input, output)."
        )
    return int(given[3])
