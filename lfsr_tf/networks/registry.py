"""The networks that a configuration can name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras

from lfsr_tf.errors import ConfigError
from lfsr_tf.networks.residual import ResidualSR
from lfsr_tf.networks.self_ensemble import SelfEnsemble
from lfsr_tf.networks.settings import check_channels_last
from lfsr_tf.networks.srdensenet import SRDenseNet, SRDenseNet_All, SRDenseNet_H, SRDenseNet_HL
from lfsr_tf.networks.unet import UNetSR

NETWORKS: dict[str, Callable[..., keras.Model]] = {
    "SRDenseNet": SRDenseNet,
    "SRDenseNet_H": SRDenseNet_H,
    "SRDenseNet_HL": SRDenseNet_HL,
    "SRDenseNet_All": SRDenseNet_All,
    "ResidualSR": ResidualSR,
    "UNetSR": UNetSR,
    "SelfEnsemble": SelfEnsemble,
}
"""Builder of each network by name; a new network is one file and one line here."""


def build_network(name: str, /, **settings: Any) -> keras.Model:
    """Build an untrained network by name.

    Args:
        name: A key of `NETWORKS`.
        **settings: Keyword arguments of its builder; what is left out keeps the builder's default.

    Returns:
        A functional model from LR [N, h, w, 1], or [N, h, w, 2] with the noise level, to SR
        [N, scale * h, scale * w, 1] float32.

    Raises:
        ConfigError: The name or a setting is unknown, a setting is out of its range, or Keras is set to
            channels first.
    """
    check_channels_last()
    builder = NETWORKS.get(name)
    if builder is None:
        raise ConfigError(
            f"Expected a network among {', '.join(NETWORKS)}. Received: {name!r}. Choose one of these."
        )
    try:
        inspect.signature(builder).bind(**settings)
    except TypeError as error:
        raise ConfigError(
            f"Expected the settings of {name}. Received: {', '.join(settings)} ({error})."
        ) from error
    return builder(**settings)
