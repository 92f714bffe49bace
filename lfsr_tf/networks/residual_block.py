"""The residual block of Lim et al., which ResidualSR and UNetSR are made of."""

from __future__ import annotations

import keras
from keras import layers


def residual_block(maps: keras.KerasTensor, scaling: float, name: str) -> keras.KerasTensor:
    """Two 3 x 3 convolutions with a ReLU between them, added to their input; no normalisation.

    Source: Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPR workshops
    2017, fig. 2c.

    Args:
        maps: [N, h, w, C], C known.
        scaling: Factor on what the convolutions make, before it is added.
        name: Of the block; its layers' names begin with it.

    Returns:
        [N, h, w, C].
    """
    filters = maps.shape[-1]
    hidden = layers.Conv2D(
        filters,
        3,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
        name=f"{name}_conv1",
    )(maps)
    residual = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv2")(hidden)
    if scaling != 1:
        residual = layers.Rescaling(scaling, name=f"{name}_scaled")(residual)
    return layers.Add(name=f"{name}_sum")([maps, residual])
