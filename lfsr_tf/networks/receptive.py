"""How far a network sees: the halo that a tile needs so that its middle equals the whole image's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
from keras import layers

from lfsr_tf.errors import ModelError
from lfsr_tf.networks.split_maps import SplitMaps

# Layers whose output sample reads the input samples at its own place alone.
_POINTWISE = (
    layers.Activation,
    layers.ReLU,
    layers.LeakyReLU,
    layers.PReLU,
    layers.Rescaling,
    layers.Dropout,
    layers.SpatialDropout2D,
    layers.BatchNormalization,
    layers.Add,
    layers.Subtract,
    layers.Multiply,
    layers.Average,
    layers.Concatenate,
    SplitMaps,
)


class _Extent(NamedTuple):
    """First and last LR sample that an output sample reads, relative to the LR sample it lies at or after."""

    first: int
    last: int


# One extent for each position of a sample between two LR samples: as many as samples per LR sample.
_Extents = tuple[_Extent, ...]


def receptive_radius(model: keras.Model) -> int:
    """The farthest LR sample along either axis that a sample of the network's output depends on.

    Args:
        model: A functional model of LR images [N, h, w, C]; convolutions may upsample, not downsample.

    Returns:
        LR samples, counted from the LR sample that lies at or just before the output sample. An output sample
        at least this far from a tile's edge has the value it has in the whole image.

    Raises:
        ModelError: The network has a layer whose reach is not known.
    """
    extents = [extent for axis in (0, 1) for extent in _output_extents(model, axis)]
    return max(max(-extent.first, extent.last) for extent in extents)


def _output_extents(model: keras.Model, axis: int) -> _Extents:
    known: dict[int, _Extents] = {}
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            known[id(layer.output)] = (_Extent(0, 0),)
            continue
        upsampling, reads = _reach(layer, axis)
        source = _union([known[id(tensor)] for tensor in _as_list(layer.input)])
        extents = tuple(_through(source, reads(sample)) for sample in range(len(source) * upsampling))
        known.update((id(tensor), extents) for tensor in _as_list(layer.output))
    return known[id(model.outputs[0])]


def _as_list(tensors: keras.KerasTensor | Sequence[keras.KerasTensor]) -> Sequence[keras.KerasTensor]:
    return tensors if isinstance(tensors, list | tuple) else [tensors]


def _union(sources: Sequence[_Extents]) -> _Extents:
    return tuple(
        _Extent(min(extent.first for extent in same), max(extent.last for extent in same))
        for same in zip(*sources, strict=True)
    )


def _through(source: _Extents, samples: range) -> _Extent:
    """What is read through the given samples of a layer's input."""
    if not samples:
        return _Extent(0, 0)
    reads = []
    for sample in samples:
        pixel, position = divmod(sample, len(source))
        reads.append(_Extent(pixel + source[position].first, pixel + source[position].last))
    return _Extent(min(read.first for read in reads), max(read.last for read in reads))


def _reach(layer: keras.layers.Layer, axis: int) -> tuple[int, Callable[[int], range]]:
    """A layer's upsampling, and which input samples the output sample at a place reads."""
    if hasattr(layer, "input_range"):
        return getattr(layer, "upsampling", 1), layer.input_range
    if isinstance(layer, layers.Conv2DTranspose):
        return layer.strides[axis], _transposed(layer.kernel_size[axis], layer.strides[axis])
    if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D) and layer.strides[axis] == 1:
        return 1, _same(layer.kernel_size[axis], layer.dilation_rate[axis])
    if isinstance(layer, _POINTWISE):
        return 1, _same(1, 1)
    raise ModelError(
        f"Expected layers whose reach is known. Received: {type(layer).__name__} {layer.name}. "
        "Give the layer a method input_range(sample), as SincInterpolation has."
    )


def _same(kernel: int, dilation: int) -> Callable[[int], range]:
    """A convolution with "same" padding: of an even kernel the longer half lies after the sample."""
    width = dilation * (kernel - 1)
    return lambda sample: range(sample - width // 2, sample - width // 2 + width + 1)


def _transposed(kernel: int, stride: int) -> Callable[[int], range]:
    """A transposed convolution with "same" padding: the adjoint of a strided one, padded less in front."""
    before = max(kernel - stride, 0) // 2
    return lambda sample: range(-((kernel - 1 - before - sample) // stride), (sample + before) // stride + 1)
