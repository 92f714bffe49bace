"""Tiles of a small random image against the whole of it, for networks with layers of one's own.

What such a layer says of its reach and its grid cannot be seen to be true, and where it is not, tiles of
scans are wrong without a word. Two tiles are compared, each shorter than the image by one stride of the
network: one begins a stride later, the other ends a stride earlier. A grid that is missing from the stride
lies differently in at least one of them, wherever a layer begins it: in tiles of the same length it begins at
the same sample, and in the image these lie a stride apart, which is no multiple of the missing grid.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from lfsr_tf.errors import ModelError
from lfsr_tf.networks.add_cropped import AddCropped
from lfsr_tf.networks.interface import ImageChannel, takes_noise_level, with_noise_level
from lfsr_tf.networks.narrow_convolution import NarrowConv2D
from lfsr_tf.networks.receptive import is_of_keras
from lfsr_tf.networks.self_ensemble import EightViews, network_inside
from lfsr_tf.networks.sinc_interpolation import SincInterpolation
from lfsr_tf.networks.split_maps import SplitMaps
from lfsr_tf.networks.sub_pixel import SubPixelUpsampling
from lfsr_tf.networks.trained import policy_of
from lfsr_tf.networks.winograd import WinogradSums, WinogradTiles

_OWN = (
    AddCropped,
    EightViews,
    ImageChannel,
    NarrowConv2D,
    SincInterpolation,
    SplitMaps,
    SubPixelUpsampling,
    WinogradSums,
    WinogradTiles,
)
_LARGEST_GRID = 64
# LR samples along the other axis, which is not cut: few, since a network may take long.
_BREADTH = 16
_SIGMA = 0.05
# Of the largest value, in float32 and with layers in half precision: rounding stays below, windows of 64 x 64
# that do not tell their grid are above.
_TOLERANCE, _HALF_TOLERANCE = 1e-4, 5e-3


def layers_of_ones_own(model: keras.Model) -> list[keras.layers.Layer]:
    """Those layers of a network, or of the one inside a self-ensemble, that only their maker knows."""
    return [
        layer
        for layer in network_inside(model).layers
        if type(layer) not in _OWN and (hasattr(layer, "input_range") or not is_of_keras(layer))
    ]


def check_tiles(model: keras.Model, halo: int, stride: int) -> None:
    """Compare tiles with a whole image, where a network has layers of one's own; others are not run.

    Args:
        model: A functional model of LR images [N, h, w, C].
        halo: Its receptive radius in LR samples.
        stride: Of its coarsest grid in LR samples.

    Raises:
        ModelError: They differ by more than rounding, for one with a grid of up to 64 LR samples.
    """
    own = layers_of_ones_own(model)
    if not own:
        return
    difference = max(_difference(model, axis, halo, stride) for axis in (1, 2))
    if difference > (_TOLERANCE if policy_of(model) == "float32" else _HALF_TOLERANCE):
        names = ", ".join(f"{type(layer).__name__} {layer.name}" for layer in own)
        raise ModelError(
            f"Expected tiles of {halo} LR samples around them that equal the whole image. Received: "
            f"{model.name}, whose tiles differ by {difference:.2g} of the largest value. Correct what "
            f"{names} tells by input_range, upsampling and grid_stride."
        )


def _difference(model: keras.Model, axis: int, halo: int, stride: int) -> float:
    """The largest between tiles and image where they must agree, over the image's largest value."""
    length = halo + stride + _LARGEST_GRID
    whole = _image(length, axis, takes_noise_level(model))
    tiles = np.concatenate(
        [whole.take(range(stride, length), axis), whole.take(range(length - stride), axis)]
    )
    weights = [_moved(variable) for variable in model.trainable_variables]
    try:
        expected, (late, early) = _run(model, weights, whole)[0], _run(model, weights, tiles)
    # Layers raise whatever they like. What takes no image of this size refuses a scan of it aloud, too.
    except Exception:
        return 0.0
    size = expected.shape[axis - 1]
    kept = size * _LARGEST_GRID // length
    first, last = range(kept), range(-kept, 0)
    differences = [
        np.abs(expected.take(places, axis - 1) - tile.take(places, axis - 1)).max()
        for places, tile in ((last, late), (first, early))
    ]
    largest = np.abs(expected).max()
    # Weights at random may overflow, which tells nothing, and so do images of zeros.
    return float(max(differences) / largest) if 0.0 < largest < np.inf else 0.0


def _image(length: int, axis: int, noise_level: bool) -> np.ndarray:
    """Random values that are uneven along the axis, so that a mean of many samples shows what it is of."""
    rng = np.random.default_rng(0)
    image = rng.random((1, length, 1, 1)) * rng.random((1, length, _BREADTH, 1))
    image = np.swapaxes(image, 1, axis).astype("float32")
    return np.asarray(with_noise_level(image, _SIGMA)) if noise_level else image


def _moved(variable: Any) -> np.ndarray:
    """A weight; at random where all its values are alike, as before training: zeros hide what precedes."""
    value = ops.convert_to_numpy(variable)
    if not value.size or np.ptp(value) > 0:
        return value
    moved = min(0.1, value.size**-0.5) * np.random.default_rng(0).standard_normal(value.shape)
    return (value + moved).astype(value.dtype)


def _run(model: keras.Model, weights: list[np.ndarray], images: np.ndarray) -> np.ndarray:
    """The network with other weights than its own, in full precision: GPUs multiply with fewer digits."""
    with keras.device("cpu:0"):
        given = [ops.convert_to_tensor(weight) for weight in weights]
        kept = [ops.convert_to_tensor(variable) for variable in model.non_trainable_variables]
        result, _ = model.stateless_call(given, kept, ops.convert_to_tensor(images), training=False)
        return ops.convert_to_numpy(ops.cast(result, "float32"))
