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

ERROR_MAP = "_error"
"""What the name of a map of expected errors has after that of its result."""


def is_result(path: Path) -> bool:
    """Whether the sidecar beside a scan, a file or the folder of a series, tells of it as a result."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 - "." has no name, and resolve() would follow links
    stem = scan_stem(path)
    of_volume = stem.removesuffix(ERROR_MAP)
    of_series = re.sub(r"(?<=.)_v\d+$", "", of_volume)
    return any(
        path.name in (*recorded_outputs(sidecar), *recorded_error_maps(sidecar))
        for sidecar in {sidecar_of(path.with_name(each)) for each in (stem, of_volume, of_series) if each}
    )


def recorded_outputs(sidecar: Path) -> list[str]:
    """Names of the volumes that a sidecar tells of; none where it is missing or not of this schema."""
    return _recorded(sidecar, "output")


def recorded_error_maps(sidecar: Path) -> list[str]:
    """Names of the maps of expected errors that a sidecar tells of; none as of `recorded_outputs`."""
    return _recorded(sidecar, "error_map")


def error_map_of(output: Path) -> Path:
    """Where the map of expected errors of a result, a file or the folder of a series, lies."""
    return output.with_name(f"{without_suffix(output.name)}{ERROR_MAP}.nii.gz")


def _recorded(sidecar: Path, kind: str) -> list[str]:
    try:
        content = read_json(sidecar)
        volumes = content["volumes"] if content["schema_version"] == SIDECAR_SCHEMA else []
        return [str(volume[kind]) for volume in volumes if volume.get(kind) is not None]
    except (LfsrError, LookupError, TypeError, AttributeError):
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
