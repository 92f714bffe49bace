"""Presets: TOML files of settings, in a folder of the package or of one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lfsr_tf.errors import ConfigError

Settings = TypeVar("Settings")
# Many times a preset with comments. The time that TOML takes grows as the square of a key's dots.
_MOST_BYTES = 2**14


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
        ConfigError: There is no such preset, it is not TOML or above 16 KiB, or `build` refuses its settings;
            the message names the file.
    """
    known = preset_names(folder)
    path = folder / f"{name_or_path}.toml" if str(name_or_path) in known else Path(name_or_path)
    try:
        return build(tomllib.loads(_read(path)))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"Expected a preset ({', '.join(known)}) or the path of a TOML file. Received: {name_or_path}."
        ) from error
    # A number of too many digits is no TOMLDecodeError, nor are tables in tables in tables.
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"Expected a TOML file of settings. Received: {path}, which is not TOML ({error})."
        ) from error


def _read(path: Path) -> str:
    with path.open("rb") as stream:
        content = stream.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ConfigError(
            f"Expected a TOML file of settings, of at most {_MOST_BYTES} bytes. Received: a larger one. Name "
            "another, or leave out what are no settings."
        )
    return content.decode("utf-8")
