"""Where a version of a model stands: `<base>/<name>/<integer version>/`, as model servers poll it."""

from __future__ import annotations

import re
from pathlib import Path

from lfsr_tf.errors import ConfigError, ModelError, OutputError

DEFAULT_NAME = "lfsr"
"""Of a model, where nobody gives it another."""

LARGEST_VERSION = 2**63 - 1
"""Versions are int64 in the messages of model servers."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PATTERN = re.compile(r"\[.+\]|\\|[\udc80-\udcff]", re.DOTALL)
_NUMBER = re.compile(r"[0-9]+")


def version_folder(base: Path, name: str, version: int | None) -> Path:
    """The folder of a new version, which is not made yet.

    Args:
        base: The folder that the server is given as its models' base.
        name: Of the model on the server.
        version: From 1 to `LARGEST_VERSION`; None for one more than the largest that is there.

    Raises:
        ConfigError: A name or version that a server would not find.
        ModelError: The folder of the versions cannot be read, or TensorFlow could not read from it.
        OutputError: The version stands already.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"Expected a model name of letters, digits, '.', '_' and '-'. Received: {name!r}. Choose "
            "another name."
        )
    check_path(base.absolute())
    standing = versions(base / name)
    if version is None:
        version = max(standing, default=0) + 1
    if not 1 <= version <= LARGEST_VERSION:
        raise ConfigError(f"Expected a version from 1 to {LARGEST_VERSION}. Received: {version}.")
    folder = standing.get(version, base / name / str(version))
    if folder.exists():
        raise OutputError(
            f"Expected a new version. Received: {folder}, which exists. Leave --version out to count on."
        )
    return folder


def check_path(folder: Path) -> None:
    """Refuse a folder from which TensorFlow could not read a model, wherever it was written.

    TensorFlow looks for the weights' files by a pattern that begins with the folder's path as it is given.

    Raises:
        ModelError: The path has a part in brackets, a backslash or bytes that are no UTF-8.
    """
    if _PATTERN.search(str(folder)):
        raise ModelError(
            f"Expected a model's folder without [...] and backslashes in its path, and in UTF-8. Received: "
            f"{folder}. Rename it, or choose another one."
        )


def versions(folder: Path) -> dict[int, Path]:
    """The versions in a model's folder, in order, each with its folder; none where there is no such folder.

    Zeros before a number mean nothing, as in TensorFlow Serving: `1` and `001` are one version. Where both
    stand, it is the one that is written with fewer zeros.

    Raises:
        ModelError: The folder cannot be read.
    """
    try:
        found = folder.iterdir() if folder.is_dir() else ()
        numbered = [path for path in found if _NUMBER.fullmatch(path.name) and path.is_dir()]
    except OSError as error:
        raise ModelError(
            f"Expected a folder of versions that can be read. Received: {folder}: {error.strerror}. Give the "
            "user of this process the right to read it."
        ) from error
    numbered.sort(key=lambda path: len(path.name), reverse=True)
    chosen = {int(path.name): path for path in numbered if int(path.name) <= LARGEST_VERSION}
    return dict(sorted(chosen.items()))
