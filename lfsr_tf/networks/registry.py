"""The networks that a configuration can name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
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
    _check_taken(name, builder, settings)
    return builder(**settings)


def _check_taken(name: str, builder: Callable[..., keras.Model], settings: Mapping[str, Any]) -> None:
    """Refuse settings that a plain function does not take; the networks here read theirs themselves."""
    taken = inspect.signature(builder).parameters
    if any(each.kind is each.VAR_KEYWORD for each in taken.values()):
        return
    for setting in settings:
        if setting not in taken:
            raise ConfigError(
                f"Expected settings of {name} among {', '.join(taken)}. Received: {setting}. Choose among "
                "these."
            )
