"""Checks of settings, as they come from TOML and JSON files, from `key=value` and from Python.

What they refuse is a ConfigError that names the setting, what was expected of it and what was received.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lfsr_tf.errors import ConfigError


def check_names(kind: type[Any], names: Iterable[str], of: str = "") -> None:
    """Refuse names that are none of a dataclass's fields.

    Args:
        kind: The dataclass.
        names: Those that were given.
        of: What has such settings, for the message; else the dataclass's name.

    Raises:
        ConfigError: A name is unknown.
    """
    known = [field.name for field in dataclasses.fields(kind)]
    for name in names:
        if name not in known:
            raise ConfigError(
                f"Expected settings of {of or kind.__name__} among {', '.join(known)}. Received: {name}. "
                "Choose one of these."
            )


def check_types(settings: Any) -> None:
    """Refuse fields of other types than the annotations say; lists become tuples, NumPy's numbers plain ones.

    Args:
        settings: A frozen dataclass whose annotations are strings, as `from __future__ import annotations`
            makes them. Types that are not among `_KINDS` are not judged.

    Raises:
        ConfigError: A value is of another type.
    """
    for field in dataclasses.fields(settings):
        value = plain_values(getattr(settings, field.name))
        wanted, fits = _KINDS.get(str(field.type), _ANY)
        if not fits(value):
            raise refusal(field.name, wanted, value)
        if wanted.startswith("a list"):
            value = tuple(value)
        object.__setattr__(settings, field.name, value)


def check_range(settings: Any, *names: str, least: float, most: float | None = None) -> None:
    """Refuse numbers that are too small or too large; None, where the type allows it, is left alone.

    Raises:
        ConfigError: A field is out of its range.
    """
    for name in names:
        value = getattr(settings, name)
        if value is not None and not (least <= value and (most is None or value <= most)):
            wanted = f"of at least {least}" if most is None else f"in [{least}, {most}]"
            raise ConfigError(f"Expected {name} {wanted}. Received: {value!r}.")


def check_choice(settings: Any, name: str, choices: Iterable[Any]) -> None:
    """Refuse a field that is not one of the choices.

    Raises:
        ConfigError: The field is something else.
    """
    if getattr(settings, name) not in choices:
        raise refusal(name, f"one of {', '.join(map(repr, choices))}", getattr(settings, name))


def check_counts(least: int, **counts: Any) -> None:
    """Refuse arguments, by name, that are no whole numbers, Python's or NumPy's, or too small.

    Raises:
        ConfigError: One of them is.
    """
    for name, count in counts.items():
        if not is_count(count, least):
            raise refusal(name, f"a whole number of at least {least}", count)


def refusal(name: str, wanted: str, value: Any) -> ConfigError:
    """The error of a setting that should be something else."""
    return ConfigError(f"Expected {name} to be {wanted}. Received: {value!r}.")


def plain_values(value: Any) -> Any:
    """The same value with Python's own numbers instead of NumPy's, in tables and lists too."""
    # Where NumPy was not imported, which takes a while, nothing is of it.
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: plain_values(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        plain = [plain_values(each) for each in value]
        return plain if isinstance(value, list) else tuple(plain)
    return value


def is_whole(value: Any) -> bool:
    """Whether it is a whole number; bool is an int in Python, `seed = true` a slip all the same."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_count(value: Any, least: int) -> bool:
    """Whether it is a whole number, Python's or NumPy's, of at least so much."""
    return bool(is_whole(plain_values(value)) and value >= least)


def is_number(value: Any) -> bool:
    """Whether a float can hold it: Python compares larger whole numbers, too, but makes no floats of them."""
    return (is_whole(value) or isinstance(value, float)) and abs(value) <= sys.float_info.max


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


def _each(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list | tuple) and all(map(fits, value))


_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "bool": ("true or false", _is(bool)),
    "int": ("a whole number", is_whole),
    "int | None": ("a whole number", lambda value: value is None or is_whole(value)),
    "float": ("a finite number", is_number),
    "float | None": ("a finite number", lambda value: value is None or is_number(value)),
    "str": ("text", _is(str)),
    "tuple[int, ...]": ("a list of whole numbers", _each(is_whole)),
    "tuple[float, ...]": ("a list of finite numbers", _each(is_number)),
    "tuple[str, ...]": ("a list of names", _each(_is(str))),
    "Mapping[str, Any]": ("a table of settings", _is(Mapping)),
}
_ANY = ("", _is(object))
