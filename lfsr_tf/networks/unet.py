"""UNetSR: residual blocks on several grids, for more reach and more weights at the same cost.

Sources: Ronneberger et al., "U-Net", MICCAI 2015 (the grids); Zhang et al., "Plug-and-Play Image Restoration
with Deep Denoiser Prior", IEEE TPAMI 44 (2022), fig. 2 (DRUNet: residual blocks without normalisation, 2 x 2
strided and transposed convolutions, skips that add). As in ResidualSR the result is added to an interpolation
of the LR image. Doubling the maps where the grid is halved leaves a block's cost as it is, while its
convolutions see twice as far and hold four times the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from lfsr_tf.errors import ConfigError
from lfsr_tf.networks.add_cropped import AddCropped
from lfsr_tf.networks.over_interpolation import RESIDUAL_GRIDS, residual_network
from lfsr_tf.networks.residual_block import residual_block
from lfsr_tf.networks.settings import SCALES, check_fraction, read_settings
from lfsr_tf.settings import check_choice, check_types, refusal

MOST_LEVELS = 5


@dataclass(frozen=True)
class UNetSRSettings:
    """Settings of UNetSR.

    Attributes:
        scale: HR samples per LR sample along each axis, 2 or 4.
        filters: Maps on each grid, from the LR grid to the coarsest; each grid has half the samples of the
            one before along each axis. One to five grids.
        blocks: Residual blocks on each grid; on all but the coarsest as many down as up.
        residual_scaling: Factor on a block's result before it is added, above 0 and at most 1.
        noise_level: Take the noise level as a second channel (`lfsr_tf.networks.with_noise_level`).
        residual_grid: "hr": what the network makes is added to the interpolation; "lr": to the LR image,
            which is then interpolated: a denoiser that adds no resolution.
    """

    scale: int = 2
    filters: tuple[int, ...] = (64, 128, 256)
    blocks: tuple[int, ...] = (2, 2, 4)
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
        for name in ("filters", "blocks"):
            _check_grids(name, getattr(self, name))
        if len(self.filters) != len(self.blocks):
            raise ConfigError(
                "Expected filters and blocks for the same number of grids. "
                f"Received: filters={list(self.filters)} and blocks={list(self.blocks)}."
            )
        check_fraction(self, "residual_scaling")
        check_choice(self, "residual_grid", RESIDUAL_GRIDS)


def _check_grids(name: str, values: tuple[int, ...]) -> None:
    if not 1 <= len(values) <= MOST_LEVELS or min(values) < 1:
        wanted = f"a list of one to {MOST_LEVELS} whole numbers of at least 1, one for each grid"
        raise refusal(name, wanted, values)


def UNetSR(**settings: Any) -> keras.Model:  # noqa: N802 - named like the networks of the literature
    """Build an untrained UNetSR.

    Args:
        **settings: As in `UNetSRSettings`.

    Returns:
        A functional model from LR [N, h, w, 1], or [N, h, w, 2] with the noise level, to SR
        [N, scale * h, scale * w, 1] float32, of any h and w, in units of the volume's reference
        intensity. LR sample i lies at SR sample scale * i. It returns the windowed-sinc interpolation until
        it is trained.

    Raises:
        ConfigError: A setting is unknown or out of its range.
    """
    config = read_settings(UNetSRSettings, settings, "UNetSR")
    return residual_network(
        lambda maps: _from_grid(maps, config, level=0),
        filters=config.filters[0],
        scale=config.scale,
        name="unet_sr",
        noise_level=config.noise_level,
        residual_grid=config.residual_grid,
    )


def _from_grid(maps: keras.KerasTensor, config: UNetSRSettings, level: int) -> keras.KerasTensor:
    """What one grid and all coarser ones make of its maps: the same shape."""
    if level == len(config.filters) - 1:
        return _blocks(maps, config, level, f"grid{level + 1}")
    fine = _blocks(maps, config, level, f"grid{level + 1}_down")
    coarse = layers.Conv2D(
        config.filters[level + 1], 2, strides=2, padding="same", use_bias=False, name=f"halve{level + 1}"
    )(fine)
    coarse = _from_grid(coarse, config, level + 1)
    risen = layers.Conv2DTranspose(
        config.filters[level], 2, strides=2, padding="same", use_bias=False, name=f"double{level + 1}"
    )(coarse)
    joined = AddCropped(name=f"skip{level + 1}")([fine, risen])
    return _blocks(joined, config, level, f"grid{level + 1}_up")


def _blocks(maps: keras.KerasTensor, config: UNetSRSettings, level: int, name: str) -> keras.KerasTensor:
    for index in range(config.blocks[level]):
        maps = residual_block(maps, config.residual_scaling, name=f"{name}{index + 1}")
    return maps
