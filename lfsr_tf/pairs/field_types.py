"""The types of settings, as they come from TOML and JSON files and from `key=value` on the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from lfsr_tf.errors import ConfigError

_KINDS: dict[Any, tuple[str, tuple[type, ...]]] = {
    "bool": ("true or false", (bool,)),
    "int": ("a whole number", (int,)),
    "int | None": ("a whole number", (int, type(None))),
    "float": ("a number", (int, float)),
    "str": ("text", (str,)),
}
_ANY = ("one of its kind", (object,))


def check_types(kind: type[Any], values: Mapping[str, Any]) -> None:
    """Refuse values of other types than the fields of a dataclass have; only plain types are judged.

    Args:
        kind: A dataclass whose annotations are strings, as `from __future__ import annotations` makes them.
        values: Values by the names of its fields.

    Raises:
        ConfigError: A value is of another type.
    """
    types = {field.name: field.type for field in dataclasses.fields(kind)}
    for name, value in values.items():
        # bool is an int in Python; `seed = true` is a slip all the same.
        is_slip = isinstance(value, bool) and types[name] != "bool"
        wanted, accepted = _KINDS.get(types[name], _ANY)
        if is_slip or not isinstance(value, accepted):
            raise ConfigError(f"Expected {name} to be {wanted}. Received: {value!r}.")
