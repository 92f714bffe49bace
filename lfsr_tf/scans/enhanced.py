"""Which files are results of enhancement: those that a sidecar beside them tells of.

A result is no measurement. Searches leave it out, lest it be enhanced again, or taken for the truth.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from lfsr_tf.errors import LfsrError
from lfsr_tf.scans.naming import without_suffix
from lfsr_tf.storage import exists, read_json

SIDECAR_SCHEMA = 1
"""Version of the JSON file beside a result; `inference.sidecar` says what is in it."""


def is_result(path: Path) -> bool:
    """Whether the sidecar beside a scan, a file or the folder of a series, tells of it as a result."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 - "." has no name, and resolve() would follow links
    stem = scan_stem(path)
    of_series = re.sub(r"(?<=.)_v\d+$", "", stem)
    return any(path.name in recorded_outputs(sidecar_of(path.with_name(each))) for each in {stem, of_series})


def recorded_outputs(sidecar: Path) -> list[str]:
    """Names of the volumes that a sidecar tells of; none where it is missing or not of this schema."""
    try:
        content = read_json(sidecar)
        known = content["schema_version"] == SIDECAR_SCHEMA
        return [str(volume["output"]) for volume in content["volumes"]] if known else []
    except (LfsrError, LookupError, TypeError):
        return []


def sidecar_of(target: Path) -> Path:
    """The sidecar of a result, whose path is given without its suffix."""
    return target.with_name(f"{target.name}.json")


def scan_stem(path: Path) -> str:
    """Name of a scan, a file or the folder of a series, without what says how it is stored."""
    # The working folder has a name, too, which "." does not tell.
    if exists(path) and path.is_dir():
        return Path(os.path.abspath(path)).name  # noqa: PTH100 - resolve() would follow links
    return without_suffix(path.name)
