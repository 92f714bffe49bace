"""SRDenseNet, the network of the paper, in Tong's three variants.

Sources: Tong et al., "Image Super-Resolution Using Dense Skip Connections", ICCV 2017 (fig. 3);
de Leeuw den Bouter et al., Sci Rep 12 (2022), DOI 10.1038/s41598-022-10298-6 (SRDenseNet_All at scale 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from lfsr_tf.errors import ConfigError
from lfsr_tf.networks.dense_block import KERNEL_SIZE, DenseBlock, dense_block
from lfsr_tf.networks.initializers import SplitHeNormal
from lfsr_tf.networks.narrow_convolution import NarrowConv2D
from lfsr_tf.networks.settings import SCALES, read_settings
from lfsr_tf.networks.winograd import WinogradSums, WinogradTiles
from lfsr_tf.settings import check_choice, check_range, check_types

VARIANTS = ("all", "h", "hl")
BLOCK_INPUTS = ("every_layer", "first_layer")


@dataclass(frozen=True)
class SRDenseNetSettings:
    """Settings of SRDenseNet; the defaults are the paper's network, with 6,714,369 parameters.

    Attributes:
        variant: What the upsampling reads: "all", every level through a 1x1 bottleneck, with dense skips
            between the blocks (the paper); "h", the last block alone; "hl", the last block and the first
            convolution.
        scale: HR samples per LR sample along each axis, 2 or 4: one transposed convolution for each factor of
            2.
        blocks: Dense blocks.
        layers_per_block: Convolutions in a block.
        growth: Maps that each of them makes.
        stem_filters: Maps of the first convolution; not stated in the paper, as wide as a block's output
            here.
        bottleneck: Maps of the bottleneck and of the transposed convolutions.
        block_input: Which layers of a block read the block's input: "every_layer", as DenseNet defines it, or
            "first_layer", as most public ports do (2,069,505 parameters).
    """

    variant: str = "all"
    scale: int = 2
    blocks: int = 8
    layers_per_block: int = 8
    growth: int = 16
    stem_filters: int = 128
    bottleneck: int = 256
    block_input: str = "every_layer"

    def __post_init__(self) -> None:
        """Refuse what is out of range.

        Raises:
            ConfigError: A setting has the wrong type or is out of its range.
        """
        check_types(self)
        check_choice(self, "variant", VARIANTS)
        check_choice(self, "scale", SCALES)
        check_choice(self, "block_input", BLOCK_INPUTS)
        check_range(self, "blocks", "layers_per_block", "growth", "stem_filters", "bottleneck", least=1)

    def dense_blocks(self) -> list[DenseBlock]:
        """The sizes of every block, from the first to the last."""
        width = self.layers_per_block * self.growth
        skipped = self.stem_filters if self.variant == "all" else 0
        return [
            DenseBlock(
                name=f"block{index + 1}",
                input_maps=skipped + index * width if skipped else (width if index else self.stem_filters),
                layers=self.layers_per_block,
                growth=self.growth,
                every_layer=self.block_input == "every_layer",
            )
            for index in range(self.blocks)
        ]


def SRDenseNet(**settings: Any) -> keras.Model:
    """Build an untrained SRDenseNet.

    Args:
        **settings: As in `SRDenseNetSettings`.

    Returns:
        A functional model from LR [N, h, w, 1] to SR [N, scale * h, scale * w, 1] float32, of any h and w, in
        units of the volume's reference intensity. LR sample i lies at SR sample scale * i.

    Raises:
        ConfigError: A setting is unknown or out of its range.
    """
    config = read_settings(SRDenseNetSettings, settings, "SRDenseNet")
    lr = keras.Input((None, None, 1), name="lr")
    stem = layers.Conv2D(config.stem_filters, KERNEL_SIZE, name="stem", **_HIDDEN)(lr)
    levels = _dense_levels(stem, config)
    features = _features(levels, config)
    for step in range(1, config.scale // 2 + 1):
        features = layers.Conv2DTranspose(
            config.bottleneck, KERNEL_SIZE, strides=2, name=f"deconvolution{step}", **_HIDDEN
        )(features)
    # Float32 whatever the policy: 16-bit floats cannot hold an image's grey levels.
    sr = NarrowConv2D(1, KERNEL_SIZE, dtype="float32", name="reconstruction")(features)
    return keras.Model(lr, sr, name=f"srdensenet_{config.variant}")


def SRDenseNet_H(**settings: Any) -> keras.Model:
    """SRDenseNet that upsamples the last block alone; settings as in `SRDenseNet`."""
    return _variant("h", settings)


def SRDenseNet_HL(**settings: Any) -> keras.Model:
    """SRDenseNet that upsamples the first convolution and the last block; settings as in `SRDenseNet`."""
    return _variant("hl", settings)


def SRDenseNet_All(**settings: Any) -> keras.Model:
    """SRDenseNet that upsamples every level: the paper's network; settings as in `SRDenseNet`."""
    return _variant("all", settings)


def _variant(variant: str, settings: dict[str, Any]) -> keras.Model:
    if "variant" in settings:
        raise ConfigError(
            f"Expected no variant for a network that has one in its name ({variant}). "
            f"Received: variant={settings['variant']!r}. Leave it out, or name SRDenseNet."
        )
    return SRDenseNet(variant=variant, **settings)


_HIDDEN = {"padding": "same", "activation": "relu", "kernel_initializer": "he_normal"}


def _dense_levels(stem: keras.KerasTensor, config: SRDenseNetSettings) -> list[keras.KerasTensor]:
    """The first convolution and every block's output, each transformed once for all blocks that read it."""
    levels, tiles = [stem], [WinogradTiles(name="stem_tiles")(stem)]
    for block in config.dense_blocks():
        first = 0 if config.variant == "all" else -1
        sums = WinogradSums(
            block.entry_layers * block.growth,
            SplitHeNormal([block.fan_in(layer) for layer in range(block.entry_layers)]),
            name=f"{block.name}_entry",
        )([*tiles[first:], *levels[first:]])
        levels.append(dense_block(sums, block))
        if len(levels) <= config.blocks:
            tiles.append(WinogradTiles(name=f"{block.name}_tiles")(levels[-1]))
    return levels


def _features(levels: list[keras.KerasTensor], config: SRDenseNetSettings) -> keras.KerasTensor:
    """The maps that are upsampled."""
    if config.variant == "h":
        return levels[-1]
    if config.variant == "hl":
        return layers.Concatenate(name="low_and_high")([levels[0], levels[-1]])
    joined = layers.Concatenate(name="every_level")(levels)
    return layers.Conv2D(config.bottleneck, 1, name="bottleneck", **_HIDDEN)(joined)
