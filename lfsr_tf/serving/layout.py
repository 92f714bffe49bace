"""Where a version of a model stands: `<base>/<name>/<integer version>/`, as model servers poll it."""

from __future__ import annotations

import re
from pathlib import Path

from lfsr_tf.errors import ConfigError, OutputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def version_folder(base: Path, name: str, version: int | None) -> Path:
    """The folder of a new version, which is not made yet.

    Args:
        base: The folder that the server is given as its models' base.
        name: Of the model on the server.
        version: A positive integer; None for one more than the largest that is there.

    Raises:
        ConfigError: A name or version that a server would not find.
        OutputError: The version stands already.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"Expected a model name of letters, digits, '.', '_' and '-'. Received: {name!r}. Choose "
            "another name."
        )
    if version is None:
        version = max(versions(base / name), default=0) + 1
    if version < 1:
        raise ConfigError(f"Expected a version of 1 or more. Received: {version}.")
    folder = base / name / str(version)
    if folder.exists():
        raise OutputError(
            f"Expected a new version. Received: {folder}, which exists. Leave --version out to count on."
        )
    return folder


def versions(folder: Path) -> list[int]:
    """The versions in a model's folder, in order; none where there is no such folder."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(name) for name in names if name.isdecimal())
