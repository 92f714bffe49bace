"""Presets: TOML files of settings, in a folder of the package or of one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lfsr_tf.errors import ConfigError

Settings = TypeVar("Settings")


def preset_names(folder: Path) -> list[str]:
    """Names of the presets of a folder, sorted."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def read_preset(
    folder: Path, name_or_path: Path | str, build: Callable[[dict[str, Any]], Settings]
) -> Settings:
    """Read settings from a preset of the folder or, where it has none of that name, from a TOML file.

    Args:
        folder: Of the package's presets.
        name_or_path: A preset's name, or the path of a file.
        build: Makes checked settings of the file's table.

    Raises:
        ConfigError: There is no such preset, it is not TOML, or `build` refuses its settings; the message
            names the file.
    """
    known = preset_names(folder)
    path = folder / f"{name_or_path}.toml" if str(name_or_path) in known else Path(name_or_path)
    try:
        return build(tomllib.loads(path.read_text(encoding="utf-8")))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"Expected a preset ({', '.join(known)}) or the path of a TOML file. Received: {name_or_path}."
        ) from error
    except ValueError as error:  # a number of too many digits is no TOMLDecodeError
        raise ConfigError(
            f"Expected a TOML file of settings. Received: {path}, which is not TOML ({error})."
        ) from error
