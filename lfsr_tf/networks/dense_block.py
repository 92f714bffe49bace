"""The dense block of SRDenseNet, in the fastest exact form.

A dense layer convolves the concatenation of everything before it. A convolution of a concatenation is the sum
of the convolutions of its parts. What comes from outside the block is convolved for all its layers at once
(`winograd`). Inside it the kernels are split by SOURCE instead of by target: whatever has just been computed
is convolved once for every later layer that will read it, and the results are added up until their layer's
turn comes. The numbers are those of the textbook form, with few wide convolutions instead of many narrow ones
over ever longer concatenations, which then need not be kept for the gradient either.

Source: Huang et al., "Densely Connected Convolutional Networks", CVPR 2017, eq. 2; Tong et al., "Image
Super-Resolution Using Dense Skip Connections", ICCV 2017, section 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import layers

from lfsr_tf.networks.initializers import SplitHeNormal
from lfsr_tf.networks.split_maps import SplitMaps

KERNEL_SIZE = 3


@dataclass(frozen=True)
class DenseBlock:
    """Sizes of one dense block.

    Attributes:
        name: Prefix of its layers' names.
        input_maps: Maps that the block reads from outside.
        layers: Convolutions in the block.
        growth: Maps that each of them makes.
        every_layer: Whether every layer reads the block's input, or the first layer alone.
    """

    name: str
    input_maps: int
    layers: int
    growth: int
    every_layer: bool

    @property
    def entry_layers(self) -> int:
        """How many of its layers read the block's input."""
        return self.layers if self.every_layer else 1

    def fan_in(self, layer: int) -> int:
        """Inputs of one output sample of a layer (from 0) in the textbook form, for its first weights."""
        from_outside = self.input_maps if layer < self.entry_layers else 0
        return KERNEL_SIZE**2 * (from_outside + layer * self.growth)


def dense_block(sums: keras.KerasTensor, block: DenseBlock) -> keras.KerasTensor:
    """The layers of one block, once its input has been convolved.

    Args:
        sums: [N, H, W, entry_layers * growth]: the block's input, convolved for each layer that reads it.
        block: Its sizes.

    Returns:
        [N, H, W, layers * growth], the maps of all layers.
    """
    maps: list[keras.KerasTensor] = []
    for layer in range(block.layers):
        name, waiting = f"{block.name}_layer{layer + 1}", None
        if sums.shape[-1] > block.growth:
            sums, waiting = SplitMaps(block.growth, name=f"{name}_split")(sums)
        maps.append(layers.ReLU(name=name)(sums))
        later = [block.fan_in(index) for index in range(layer + 1, block.layers)]
        if later:
            # Where only the first layer reads the block's input, this is the others' first source.
            sums = _forward(maps[-1], later, block.growth, use_bias=waiting is None, name=f"{name}_forward")
        if waiting is not None:
            sums = layers.Add(name=f"{name}_sums")([waiting, sums])
    return maps[0] if len(maps) == 1 else layers.Concatenate(name=f"{block.name}_output")(maps)


def _forward(
    maps: keras.KerasTensor, fan_ins: Sequence[int], growth: int, *, use_bias: bool, name: str
) -> keras.KerasTensor:
    return layers.Conv2D(
        len(fan_ins) * growth,
        KERNEL_SIZE,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=SplitHeNormal(fan_ins),
        name=name,
    )(maps)
