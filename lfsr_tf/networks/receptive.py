"""How far a network sees: the halo that a tile needs so that its middle equals the whole image's.

Each axis by itself. Every layer has a rule, which samples of its input a sample of its output reads
(`_reach`). From the input on, each sample of a layer gets the first and last LR sample that it depends on.
Grids repeat, so one period of the coarsest is enough. A convolution of kernel 2 and stride 2, and the
transposed one after it:

    layer         samples a period    what they read      what they depend on
    input         2                                       0: LR 0         1: LR 1
    convolution   1                   0: samples 0, 1     0: LR 0 to 1
    transposed    2                   0: 0    1: 0        0: LR 0 to 1    1: LR 0 to 1

Its sample 1 lies at LR sample 1 and depends on LR sample 0: the radius is 1. Tiles begin at multiples of 2.

A layer of one's own tells its rule itself. `input_range(sample)` takes the number of an output sample along
either axis, from 0 to the end of a period, and returns the range of the input samples that it reads; numbers
below 0 and behind the end are those of the periods beside it. `upsampling` is its output samples per input
sample, 1/2 where it halves them, unless that is 1. `grid_stride` is needed where its result depends on where
its input begins, as with windows: the number of LR samples of the network after which that repeats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
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
    layers.ELU,
    layers.Rescaling,
    layers.Softmax,
    layers.Dense,
    layers.Identity,
    layers.Dropout,
    layers.SpatialDropout2D,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.RMSNormalization,
    layers.UnitNormalization,
    layers.Add,
    layers.Subtract,
    layers.Multiply,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Concatenate,
    SplitMaps,
)
_CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
_POOLS = (layers.MaxPooling2D, layers.AveragePooling2D)
_PROBE_PIXELS = 16


class _Extent(NamedTuple):
    """First and last LR sample that a sample reads."""

    first: int
    last: int


# The samples of one grid that lie in one period of LR samples, the first of which is number 0.
_Extents = tuple[_Extent, ...]
# The samples of a layer's input that its output sample at a place reads.
_Reads = Callable[[int], range]


def receptive_radius(model: keras.Model) -> int:
    """The farthest LR sample along either axis that a sample of the network's output depends on.

    Args:
        model: A functional model of LR images [N, h, w, C]; its layers may upsample and downsample.

    Returns:
        LR samples, counted from the LR sample that lies at or just before the output sample. An output sample
        at least this far from a tile's edge has the value it has in the whole image, if the tile begins and
        ends a multiple of `grid_stride` from the image's own edges.

    Raises:
        ModelError: The network has a layer whose reach is not known.
    """
    return max(_radius(model, axis) for axis in (0, 1))


def grid_stride(model: keras.Model) -> int:
    """LR samples after which the network's coarsest grid repeats: 1 where nothing is downsampled.

    Args:
        model: As for `receptive_radius`.

    Raises:
        ModelError: The network has a layer whose reach is not known.
    """
    return math.lcm(*(_period(model, axis) for axis in (0, 1)))


def _radius(model: keras.Model, axis: int) -> int:
    period = _period(model, axis)
    known: dict[int, _Extents] = {}
    for layer, source in _steps(model):
        if source is None:
            known[id(layer.output)] = tuple(_Extent(place, place) for place in range(period))
            continue
        extents = _through(layer, axis, _union([known[key] for key in source]), period)
        known.update((id(tensor), extents) for tensor in _as_list(layer.output))
    output = known[id(model.outputs[0])]
    places = [sample * period // len(output) for sample in range(len(output))]
    return max(
        max(place - extent.first, extent.last - place) for place, extent in zip(places, output, strict=True)
    )


def layer_rates(model: keras.Model, axis: int) -> dict[str, tuple[Fraction, Fraction]]:
    """Samples per LR sample along an axis, by the layer's name: of what it reads and of what it makes.

    Args:
        model: As for `receptive_radius`.
        axis: 0 for rows, 1 for columns.

    Raises:
        ModelError: The network has a layer whose reach is not known.
    """
    made: dict[int, Fraction] = {}
    rates = {}
    for layer, source in _steps(model):
        before = Fraction(1) if source is None else made[source[0]]
        after = before if source is None else before * _reach(layer, axis)[0]
        made.update((id(tensor), after) for tensor in _as_list(layer.output))
        rates[layer.name] = (before, after)
    return rates


def _period(model: keras.Model, axis: int) -> int:
    """LR samples between two samples of the coarsest grid."""
    strides = [getattr(layer, "grid_stride", 1) for layer in model.layers]
    return math.lcm(*strides, *(made.denominator for _, made in layer_rates(model, axis).values()))


def _steps(model: keras.Model) -> Iterator[tuple[keras.layers.Layer, list[int] | None]]:
    """Each layer, in the order of computation, with the keys of what it reads; None for the input."""
    made: set[int] = set()
    for layer in model.layers:
        if isinstance(layer, keras.Model) and not hasattr(layer, "input_range"):
            raise ModelError(
                f"Expected a network of layers. Received: {layer.name}, a model inside of it. Call its "
                "layers one by one."
            )
        is_input = isinstance(layer, layers.InputLayer)
        source = None if is_input else [id(tensor) for tensor in _as_list(layer.input)]
        _check_made(source or [], made, layer.name)
        made.update(id(tensor) for tensor in _as_list(layer.output))
        yield layer, source
    _check_made([id(model.outputs[0])], made, f"the output of {model.name}")


def _check_made(read: list[int], made: set[int], reader: str) -> None:
    """Keras lists neither bare operations among the layers nor a layer for each time that it is used."""
    if not made.issuperset(read):
        raise ModelError(
            f"Expected a network of layers that are used once each. Received: {reader}, which reads a bare "
            "operation, such as a + b, or a layer that is used twice. Use a layer, such as Add, each time."
        )


def _as_list(tensors: keras.KerasTensor | Sequence[keras.KerasTensor]) -> Sequence[keras.KerasTensor]:
    return tensors if isinstance(tensors, list | tuple) else [tensors]


def _union(sources: Sequence[_Extents]) -> _Extents:
    return tuple(
        _Extent(min(extent.first for extent in same), max(extent.last for extent in same))
        for same in zip(*sources, strict=True)
    )


def _through(layer: keras.layers.Layer, axis: int, source: _Extents, period: int) -> _Extents:
    """What a layer's output samples read of the LR image, given what its input samples read."""
    rate, reads = _reach(layer, axis)
    count = int(len(source) * rate)
    extents = []
    for sample in range(count):
        place = sample * period // count
        read = [_moved(source, number, period) for number in reads(sample)] or [_Extent(place, place)]
        extents.append(_Extent(min(extent.first for extent in read), max(extent.last for extent in read)))
    return tuple(extents)


def _moved(source: _Extents, sample: int, period: int) -> _Extent:
    """The extent of any sample of a grid, from the one at the same place of the first period."""
    periods, position = divmod(sample, len(source))
    return _Extent(source[position].first + periods * period, source[position].last + periods * period)


def _reach(layer: keras.layers.Layer, axis: int) -> tuple[Fraction, _Reads]:
    """A layer's output samples per input sample, and which input samples each of them reads."""
    if hasattr(layer, "input_range"):
        return Fraction(getattr(layer, "upsampling", 1)), layer.input_range
    if isinstance(layer, layers.Conv2DTranspose) and _enlarges_by_its_stride(layer, axis):
        stride = layer.strides[axis]
        return Fraction(stride), _transposed(layer.kernel_size[axis], layer.dilation_rate[axis], stride)
    if isinstance(layer, _CONVOLUTIONS):
        return _strided(layer, layer.kernel_size[axis], layer.dilation_rate[axis], axis)
    if isinstance(layer, _POOLS):
        return _strided(layer, layer.pool_size[axis], 1, axis)
    # Keras 3.15 interpolates images of known size alone, though its layer is made for any.
    if isinstance(layer, layers.UpSampling2D) and layer.interpolation == "nearest":
        return Fraction(layer.size[axis]), _repeated(layer.size[axis])
    if isinstance(layer, _POINTWISE) and _works_along_the_maps(layer):
        return Fraction(1), _same(1, 1, 1)
    raise _unknown(layer)


def _unknown(layer: keras.layers.Layer) -> ModelError:
    advice = "Give the layer a method input_range(sample), as SincInterpolation has"
    if is_of_keras(layer):
        advice = (
            'Take convolutions and poolings with padding "same", strided ones of at most 2 x 2, and other '
            "layers that work at each sample alone"
        )
    return ModelError(
        f"Expected layers whose reach is known. Received: {type(layer).__name__} {layer.name}. {advice}; one "
        "that sees the whole image cannot be used, since scans are enhanced in tiles: pool over a window."
    )


def is_of_keras(layer: keras.layers.Layer) -> bool:
    """Whether a layer's class is one of Keras' own."""
    return type(layer).__module__.partition(".")[0] == "keras"


def _works_along_the_maps(layer: keras.layers.Layer) -> bool:
    """A softmax, a normalisation or a concatenation along rows or columns sees all of them."""
    axes = getattr(layer, "axis", -1)
    return all(axis in (-1, 3) for axis in (axes if isinstance(axes, list | tuple) else [axes]))


def _enlarges_by_its_stride(layer: layers.Conv2DTranspose, axis: int) -> bool:
    """Without "same" padding, or with an output padding of one's own, the image may grow by other samples."""
    enlarged = layer.compute_output_shape((1, _PROBE_PIXELS, _PROBE_PIXELS, 1))
    return bool(enlarged[1 + axis] == _PROBE_PIXELS * layer.strides[axis])


def _strided(layer: keras.layers.Layer, kernel: int, dilation: int, axis: int) -> tuple[Fraction, _Reads]:
    """A convolution or a pooling; with a stride its phase must not depend on the image's size.

    With a stride and a larger kernel, "same" pads in front or not, as the size has it.
    """
    stride = layer.strides[axis]
    if (layer.padding != "same" and kernel > 1) or (stride > 1 and dilation * (kernel - 1) > 1):
        raise _unknown(layer)
    return Fraction(1, stride), _same(kernel, dilation, stride)


def _same(kernel: int, dilation: int, stride: int) -> _Reads:
    """A convolution with "same" padding: of an odd amount of padding the larger half lies after the image."""
    width = dilation * (kernel - 1)
    before = max(width + 1 - stride, 0) // 2
    return lambda sample: range(sample * stride - before, sample * stride - before + width + 1, dilation)


def _transposed(kernel: int, dilation: int, stride: int) -> _Reads:
    """A transposed convolution with "same" padding: the adjoint of a strided one, padded less in front.

    Keras takes no dilation together with a stride.
    """
    width = dilation * (kernel - 1)
    before = max(width + 1 - stride, 0) // 2
    return lambda sample: range(
        -((width - before - sample) // stride), (sample + before) // stride + 1, dilation
    )


def _repeated(size: int) -> _Reads:
    return lambda sample: range(sample // size, sample // size + 1)
