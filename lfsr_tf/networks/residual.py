"""ResidualSR: a small network that learns what interpolation misses, for training in minutes.

Source: Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPR workshops 2017
(residual blocks without normalisation, residual scaling). Here the network's result is added to a fixed
interpolation of the LR image, and its last convolution starts at zero: an untrained network interpolates, and
training starts from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from lfsr_tf.networks.over_interpolation import RESIDUAL_GRIDS, residual_network
from lfsr_tf.networks.residual_block import residual_block
from lfsr_tf.networks.settings import SCALES, check_fraction, read_settings
from lfsr_tf.settings import check_choice, check_range, check_types


@dataclass(frozen=True)
class ResidualSRSettings:
    """Settings of ResidualSR.

    Attributes:
        scale: HR samples per LR sample along each axis, 2 or 4.
        blocks: Residual blocks.
        filters: Maps of every hidden convolution.
        residual_scaling: Factor on a block's result before it is added, above 0 and at most 1. Lim et al.
            need 0.1 for 256 maps; 64 train without.
        noise_level: Take the noise level as a second channel (`lfsr_tf.networks.with_noise_level`).
        residual_grid: "hr": what the network makes is added to the interpolation; "lr": to the LR image,
            which is then interpolated: a denoiser that adds no resolution.
    """

    scale: int = 2
    blocks: int = 8
    filters: int = 64
    residual_scaling: float = 1.0
    noise_level: bool = False
    residual_grid: str = "hr"

    def __post_init__(self) -> None:
        """Refuse what is out of range.

        Raises:
            ConfigError: A setting has the wrong type or is out of its range.
        """
        check_types(self)
        check_choice(self, "scale", SCALES)
        check_range(self, "blocks", "filters", least=1)
        check_fraction(self, "residual_scaling")
        check_choice(self, "residual_grid", RESIDUAL_GRIDS)


def ResidualSR(**settings: Any) -> keras.Model:  # noqa: N802 - named like the networks of the literature
    """Build an untrained ResidualSR.

    Args:
        **settings: As in `ResidualSRSettings`.

    Returns:
        A functional model from LR [N, h, w, 1], or [N, h, w, 2] with the noise level, to SR
        [N, scale * h, scale * w, 1] float32, of any h and w, in units of the volume's reference
        intensity. LR sample i lies at SR sample scale * i. It returns the windowed-sinc interpolation until
        it is trained.

    Raises:
        ConfigError: A setting is unknown or out of its range.
    """
    config = read_settings(ResidualSRSettings, settings, "ResidualSR")

    def body(maps: keras.KerasTensor) -> keras.KerasTensor:
        for index in range(config.blocks):
            maps = residual_block(maps, config.residual_scaling, name=f"block{index + 1}")
        return maps

    return residual_network(
        body,
        filters=config.filters,
        scale=config.scale,
        name="residual_sr",
        noise_level=config.noise_level,
        residual_grid=config.residual_grid,
    )
