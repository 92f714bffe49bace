"""Networks that learn what interpolation misses: the parts around whatever makes their feature maps."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers

from lfsr_tf.networks.interface import network_input
from lfsr_tf.networks.sinc_interpolation import SincInterpolation
from lfsr_tf.networks.sub_pixel import SubPixelUpsampling

RESIDUAL_GRIDS = ("hr", "lr")


def residual_network(
    body: Callable[[keras.KerasTensor], keras.KerasTensor],
    *,
    filters: int,
    scale: int,
    name: str,
    noise_level: bool = False,
    residual_grid: str = "hr",
) -> keras.Model:
    """A convolution, the body with a skip around it, and what both make on top of an interpolation.

    Args:
        body: From feature maps [N, h, w, filters] to as many.
        filters: Maps of the first convolution.
        scale: HR samples per LR sample along each axis, 2 or 4.
        name: Of the model.
        noise_level: Whether the input has the noise level as a second channel.
        residual_grid: "hr": samples of the SR image are added to the interpolation. "lr": those of the LR
            image are added before it, which makes a denoiser that is followed by an interpolation.

    Returns:
        A functional model from LR [N, h, w, 1], or [N, h, w, 2] with the noise level, to SR
        [N, scale * h, scale * w, 1] float32.
    """
    given, image = network_input(noise_level)
    stem = layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal", name="stem")(given)
    maps = layers.Conv2D(filters, 3, padding="same", name="trunk")(body(stem))
    maps = layers.Add(name="trunk_sum")([stem, maps])
    finish = over_interpolation if residual_grid == "hr" else under_interpolation
    return keras.Model(given, finish(image, maps, scale), name=name)


def under_interpolation(lr: keras.KerasTensor, maps: keras.KerasTensor, scale: int) -> keras.KerasTensor:
    """Add a network's samples to its LR image and interpolate; as `over_interpolation` otherwise."""
    residual = layers.Conv2D(
        1, 3, padding="same", kernel_initializer="zeros", dtype="float32", name="samples"
    )(maps)
    return _interpolated(layers.Add(dtype="float32", name="denoised")([lr, residual]), scale)


def over_interpolation(lr: keras.KerasTensor, maps: keras.KerasTensor, scale: int) -> keras.KerasTensor:
    """Add a network's samples to the windowed-sinc interpolation of its LR image.

    The convolution that makes the samples starts at zero: an untrained network interpolates, and training
    starts from there. Everything here is float32, whatever the network computes in.

    Args:
        lr: LR images [N, h, w, 1].
        maps: Feature maps [N, h, w, C] on the same grid.
        scale: HR samples per LR sample along each axis, 2 or 4.

    Returns:
        SR images [N, scale * h, scale * w, 1] float32; LR sample i lies at SR sample scale * i.
    """
    samples = layers.Conv2D(
        scale**2, 3, padding="same", kernel_initializer="zeros", dtype="float32", name="samples"
    )(maps)
    residual = SubPixelUpsampling(scale, dtype="float32", name="sub_pixel")(samples)
    return layers.Add(dtype="float32", name="reconstruction")([_interpolated(lr, scale), residual])


def _interpolated(images: keras.KerasTensor, scale: int) -> keras.KerasTensor:
    for step in range(1, scale // 2 + 1):
        images = SincInterpolation(dtype="float32", name=f"interpolation{step}")(images)
    return images
