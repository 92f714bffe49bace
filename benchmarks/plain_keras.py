"""The paper's network in plain Keras, as its papers draw it: what lfsr_tf's form is measured against."""

from __future__ import annotations

import keras
from keras import layers

GROWTH, LAYERS, BLOCKS, WIDTH, BOTTLENECK = 16, 8, 8, 128, 256


def plain_srdensenet_all() -> keras.Model:
    """SRDenseNet_All at scale 2, 6,714,369 parameters: every layer convolves a concatenation."""
    lr = keras.Input((None, None, 1))
    levels = [_convolution(WIDTH, 3)(lr)]
    for _ in range(BLOCKS):
        maps: list[keras.KerasTensor] = []
        for _ in range(LAYERS):
            maps.append(_convolution(GROWTH, 3)(_joined([*levels, *maps])))
        levels.append(_joined(maps))
    maps_lr = _convolution(BOTTLENECK, 1)(_joined(levels))
    maps_hr = layers.Conv2DTranspose(BOTTLENECK, 3, strides=2, padding="same", activation="relu")(maps_lr)
    return keras.Model(lr, layers.Conv2D(1, 3, padding="same", dtype="float32")(maps_hr))


def _convolution(filters: int, size: int) -> layers.Conv2D:
    return layers.Conv2D(filters, size, padding="same", activation="relu", kernel_initializer="he_normal")


def _joined(maps: list[keras.KerasTensor]) -> keras.KerasTensor:
    return layers.Concatenate()(maps) if len(maps) > 1 else maps[0]
