"""What a caller must know of a network to run it over images of any size, wherever it runs."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from lfsr_tf.networks.interface import scale_of, takes_noise_level
from lfsr_tf.networks.receptive import grid_stride, receptive_radius
from lfsr_tf.networks.tile_check import check_tiles


@dataclass(frozen=True)
class NetworkTraits:
    """The traits.

    Attributes:
        scale: Samples out for each sample in, along both axes.
        halo: The network's receptive radius in LR samples.
        stride: Of the network's coarsest grid in LR samples.
        takes_noise_level: Whether the network must be told the noise level.
    """

    scale: int
    halo: int
    stride: int
    takes_noise_level: bool


def traits_of(model: keras.Model) -> NetworkTraits:
    """Find the traits of a network; one with layers of one's own is run on a small image.

    Raises:
        ModelError: The network does not take images of any size, or has a layer whose reach is not known or
            is not what the layer says.
    """
    traits = NetworkTraits(
        scale_of(model), receptive_radius(model), grid_stride(model), takes_noise_level(model)
    )
    check_tiles(model, traits.halo, traits.stride)
    return traits
