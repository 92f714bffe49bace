"""Presets of a training run, and `key=value` changes to them."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lfsr_tf.errors import ConfigError
from lfsr_tf.presets import preset_names, read_preset
from lfsr_tf.training.config import TrainConfig

_FOLDER = Path(__file__).parent / "presets"
# Tables within tables that a change reaches into: none of the settings here is so deep.
_MOST_DEPTH = 8


def list_presets() -> list[str]:
    """Names of the presets that come with the package, sorted."""
    return preset_names(_FOLDER)


def load_preset(name_or_path: str | Path, overrides: Iterable[str] = ()) -> TrainConfig:
    """Read the settings of a run.

    Args:
        name_or_path: A packaged preset's name ("best", "fast", "paper"...), or the path of a TOML file.
        overrides: Changes such as "batch_size=8", "network_settings.blocks=4" or "loss={mae=1.0}": the
            value is TOML, and a bare word is a string. A dot reaches into a table. Another network leaves out
            the preset's `network_settings`, which are not its own.

    Returns:
        The checked configuration.

    Raises:
        ConfigError: There is no such preset, it is not TOML, or a setting is unknown or out of range.
    """
    # With all defaults, so that a change to a table keeps what it has where the file leaves it out.
    preset, overrides = read_preset(_FOLDER, name_or_path, TrainConfig.from_dict), tuple(overrides)
    config = _changed(preset, overrides)
    if config.network == preset.network:
        return config
    return _changed(dataclasses.replace(preset, network_settings={}), overrides)


def _changed(config: TrainConfig, overrides: Iterable[str]) -> TrainConfig:
    settings = config.to_dict()
    for change in overrides:
        _apply(settings, change)
    return TrainConfig.from_dict(settings)


def _apply(settings: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    *tables, name = key.strip().split(".")
    if not equals or not all((*tables, name)) or len(tables) > _MOST_DEPTH:
        raise ConfigError(f"Expected a change as key=value, such as batch_size=8. Received: {change}.")
    target = settings
    for table in tables:
        target = target.setdefault(table, {})
        if not isinstance(target, dict):
            raise ConfigError(f"Expected {table} to be a table of settings. Received: {change}.")
    value = _value(text.strip())
    if value is None:
        target.pop(name, None)
    else:
        target[name] = value


def _value(text: str) -> Any:
    """One TOML value, or a bare word; "none" (TOML has no null) is a setting's default."""
    if text.lower() == "none":
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text
