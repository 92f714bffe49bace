"""Turning keyword arguments into a network's frozen settings, and checking settings in general."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

import keras
import numpy as np

from lfsr_tf.errors import ConfigError

SettingsT = TypeVar("SettingsT")


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
    known = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for name in settings:
        if name not in known:
            raise ConfigError(
                f"Expected settings of {network} among {', '.join(known)}. Received: {name}. "
                "Choose one of these."
            )
    return kind(**settings)


def plain_values(value: Any) -> Any:
    """The same value with Python's own numbers instead of NumPy's, in tables and lists too."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: plain_values(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        plain = [plain_values(each) for each in value]
        return plain if isinstance(value, list) else tuple(plain)
    return value


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


def check_positive(owner: object, *names: str) -> None:
    """Refuse fields that are not whole numbers of at least 1.

    Raises:
        ConfigError: A field is out of its range.
    """
    for name in names:
        value = getattr(owner, name)
        # bool is an int in Python; `blocks=True` is a slip all the same.
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConfigError(
                f"Expected {name} to be a whole number of at least 1. Received: {name}={value!r}."
            )


def check_choice(owner: object, name: str, choices: tuple[Any, ...]) -> None:
    """Refuse a field that is not one of the choices.

    Raises:
        ConfigError: The field is something else.
    """
    value = getattr(owner, name)
    # True equals 1 in Python; neither stands for the other here.
    if not any(value == choice and type(value) is type(choice) for choice in choices):
        options = ", ".join(map(repr, choices))
        raise ConfigError(f"Expected {name} to be one of {options}. Received: {name}={value!r}.")


def check_fraction(owner: object, name: str) -> None:
    """Refuse a field that is not a number above 0 and at most 1.

    Raises:
        ConfigError: The field is something else.
    """
    value = getattr(owner, name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 1:
        raise ConfigError(f"Expected {name} above 0 and at most 1. Received: {name}={value!r}.")
