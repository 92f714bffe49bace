"""What a network costs: the multiply-adds of its convolutions."""

from __future__ import annotations

import math

import keras
from keras import layers

from lfsr_tf.networks.receptive import layer_rates
from lfsr_tf.networks.self_ensemble import EightViews
from lfsr_tf.networks.winograd import WinogradSums


def multiply_adds(model: keras.Model, height: int = 64, width: int = 64) -> int:
    """Multiplications with an addition that the convolutions of one LR slice take in their direct form.

    Args:
        model: A functional model of LR images [N, h, w, C].
        height: Rows of the LR slice.
        width: Columns of the LR slice.

    Returns:
        Their number, whatever the algorithm: by Winograd's it is 4/9 of it. Biases, activations, sums and
        fixed interpolations are left out, and so is padding on grids that do not divide the slice.

    Raises:
        ModelError: The network has a layer whose grid is not known.
    """
    rows, columns = layer_rates(model, 0), layer_rates(model, 1)
    total = 0
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D | layers.Conv2DTranspose | WinogradSums):
            # A transposed convolution uses its kernel once for each sample it reads.
            side = 0 if isinstance(layer, layers.Conv2DTranspose) else 1
            samples = height * rows[layer.name][side] * width * columns[layer.name][side]
            total += int(samples * math.prod(layer.kernel.shape))
        elif isinstance(layer, EightViews):
            upright, transposed = (height, width), (width, height)
            total += 4 * sum(multiply_adds(layer.network, *shape) for shape in (upright, transposed))
    return total
