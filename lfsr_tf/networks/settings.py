"""Turning keyword arguments into a network's frozen settings, and what all networks ask of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, TypeVar

import keras

from lfsr_tf.errors import ConfigError
from lfsr_tf.settings import check_names, is_whole, refusal

SettingsT = TypeVar("SettingsT")
# HR samples per LR sample along each axis, of every network here.
SCALES = (2, 4)
# Many times those of any network of the literature, the deepest of which has 200 blocks and the widest some
# hundred maps: model files, which may be anyone's, have their settings read, too.
_MOST, _MOST_LAYERS = 2**16, 512
# Settings whose product is the number of layers.
_DEPTHS = ("blocks", "layers_per_block")


def read_settings(kind: type[SettingsT], settings: Mapping[str, Any], network: str) -> SettingsT:
    """Build a network's settings, refusing names it does not have.

    Args:
        kind: The frozen dataclass of the network's settings, which holds the defaults.
        settings: Values by name; what is left out keeps its default.
        network: Name of the network, for the message.

    Raises:
        ConfigError: A name is unknown, a value is out of its range, or Keras is set to channels first.
    """
    check_channels_last()
    check_names(kind, settings, of=network)
    read = kind(**settings)
    _check_size(read)
    return read


def _check_size(settings: Any) -> None:
    """Refuse numbers that no network has, and whose building would take any time."""
    numbers: dict[str, tuple[Any, ...]] = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        numbers[field.name] = value if isinstance(value, tuple) else (value,)
        if any(is_whole(each) and each > _MOST for each in numbers[field.name]):
            raise refusal(field.name, f"at most {_MOST}", value)
    depths = {name: numbers[name] for name in _DEPTHS if name in numbers}
    if math.prod(map(sum, depths.values())) > _MOST_LAYERS:
        received = " and ".join(f"{name}={getattr(settings, name)!r}" for name in depths)
        raise ConfigError(
            f"Expected at most {_MOST_LAYERS} layers, {' times '.join(depths)}. Received: {received}. Choose "
            "fewer."
        )


def check_channels_last() -> None:
    """Refuse a Keras whose layers take images as [N, C, h, w], which nothing here has.

    Raises:
        ConfigError: It is set so, as a rule in the user's keras.json.
    """
    if keras.config.image_data_format() != "channels_last":
        raise ConfigError(
            "Expected Keras with image_data_format channels_last. Received: "
            f"{keras.config.image_data_format()}. Change it in ~/.keras/keras.json, or by "
            "keras.config.set_image_data_format."
        )


def check_fraction(settings: Any, name: str) -> None:
    """Refuse a number that is not above 0 and at most 1.

    Raises:
        ConfigError: The field is something else.
    """
    value = getattr(settings, name)
    if not 0 < value <= 1:
        raise ConfigError(f"Expected {name} above 0 and at most 1. Received: {value!r}.")
