"""`dataset.json`: what a folder of records holds, where it came from and how it was made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from typing import Any, Literal

from lfsr_tf import __version__
from lfsr_tf.errors import LfsrError, RecordsError
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.settings import check_counts, check_range, check_types, is_number, refusal
from lfsr_tf.storage import read_json, write_json

SCHEMA_VERSION = 1
DESCRIPTION = "dataset.json"
SplitName = Literal["train", "validation"]
# Of any file system.
_NAME_LENGTH = 255
# What else a description says; more of it is looked into where it is used.
_KINDS = {"sources": list, "failed": list, "fingerprint": str, "versions": dict}
_PACKAGES = ("numpy", "tensorflow", "nibabel", "pydicom", "h5py")


@dataclass(frozen=True)
class Shard:
    """One file of records: name, number of records, size in bytes, SHA-256, and the HR side of its images."""

    file: str
    records: int
    bytes: int
    sha256: str
    hr_size: int

    def __post_init__(self) -> None:
        """Refuse what no shard is, and names that lead out of the folder.

        Raises:
            ConfigError: A value is of another type or out of its range.
        """
        check_types(self)
        check_range(self, "records", "bytes", least=0)
        check_range(self, "hr_size", least=1)
        plain = self.file not in ("", "..") and self.file == PurePath(self.file).name
        if not (plain and self.file.isprintable() and len(self.file) <= _NAME_LENGTH):
            raise refusal("file", "the name of a file in the folder", self.file[:_NAME_LENGTH])


@dataclass(frozen=True)
class Split:
    """The records of one side: shards, number of slices they come from, subjects, and slices by contrast."""

    shards: tuple[Shard, ...]
    slices: int
    subjects: tuple[str, ...]
    contrasts: dict[str, int]

    @property
    def records(self) -> int:
        """Number of records: pairs, or HR slices in mode "slices"."""
        return sum(shard.records for shard in self.shards)


@dataclass(frozen=True)
class DatasetInfo:
    """What `dataset.json` says.

    Attributes:
        folder: Where the records are.
        config: The settings they were made with.
        train: The training records.
        validation: The validation records.
        sources: One entry a scan file: name, sha256, split and its volumes.
        failed: One entry a scan file that could not be used: name and error.
        spacing_mm: Smallest and largest in-plane LR voxel size.
        fingerprint: Hash of settings, sources and versions; `identity` has what else tells records apart.
        versions: Packages that made the records.
    """

    folder: Path
    config: PairsConfig
    train: Split
    validation: Split
    sources: list[dict[str, Any]]
    failed: list[dict[str, str]]
    spacing_mm: tuple[float, float]
    fingerprint: str
    versions: dict[str, str]

    @property
    def identity(self) -> dict[str, Any]:
        """What is equal for equal records alone: the fingerprint, and the scans that failed, if any did.

        A scan that cannot be used today, on a disk that does not answer, may be in tomorrow's records.
        """
        failed = sorted(entry["name"] for entry in self.failed)
        return {"fingerprint": self.fingerprint} | ({"failed": failed} if failed else {})

    def split(self, name: SplitName) -> Split:
        """One side by name."""
        return self.train if name == "train" else self.validation

    def path(self, shard: Shard) -> Path:
        """Where a shard stands."""
        return self.folder / shard.file


def package_versions() -> dict[str, str]:
    """Versions of lfsr_tf and of the packages that may change a byte."""
    versions = {"lfsr_tf": __version__}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "unknown"
    return versions


def fingerprint(config: PairsConfig, sources: Sequence[Mapping[str, Any]], container: str = "") -> str:
    """Hash of everything that determines the records of scans that can be used, 16 hexadecimal digits.

    Args:
        config: Settings of the pairs.
        sources: The fields of each `Source`.
        container: What the shards are written as, where it is not this package's own.
    """
    inputs = [
        [source[key] for key in ("name", "sha256", "split", "subject", "contrast")] for source in sources
    ]
    versions = package_versions()
    makers = {name: versions[name] for name in ("lfsr_tf", "tensorflow")}
    text = json.dumps([SCHEMA_VERSION, container, config.to_json(), inputs, makers], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def write_description(info: DatasetInfo) -> None:
    """Write `dataset.json`: from then on the folder is a complete set of records."""
    values = {key: value for key, value in asdict(info).items() if key != "folder"}
    write_json(
        info.folder / DESCRIPTION,
        {"schema_version": SCHEMA_VERSION, **values, "config": info.config.to_json()},
    )


def open_dataset(folder: Path | str) -> DatasetInfo:
    """Read `dataset.json` and check that every shard stands there; `check_records` looks into them.

    Raises:
        RecordsError: Not a folder of records, of another schema version, or a shard is missing.
    """
    folder = Path(folder)
    values = _read_description(folder)
    try:
        info = _from_json(folder, values)
    except (KeyError, TypeError, ValueError) as error:
        raise RecordsError(
            f"Expected a dataset.json of lfsr_tf. Received: {folder / DESCRIPTION} ({error!r})."
        ) from error
    for shard in (*info.train.shards, *info.validation.shards):
        if not info.path(shard).is_file():
            raise RecordsError(
                f"Expected shard {info.path(shard)}. It is missing. Prepare the records again "
                "with --overwrite."
            )
    return info


def _read_description(folder: Path) -> dict[str, Any]:
    if not (folder / DESCRIPTION).is_file():
        raise RecordsError(
            f"Expected a folder of records with {DESCRIPTION}. Received: {folder}. Run `lfsr prepare`; a run "
            "that was interrupted goes on where it was."
        )
    try:
        values = read_json(folder / DESCRIPTION)
    except LfsrError as error:
        raise RecordsError(str(error)) from error
    found = values.get("schema_version") if isinstance(values, dict) else None
    if found != SCHEMA_VERSION:
        raise RecordsError(
            f"Expected records of schema version {SCHEMA_VERSION}. Received: version {found} in {folder}. "
            "Prepare them again with this version of lfsr_tf and --overwrite."
        )
    return dict(values)


def _from_json(folder: Path, values: dict[str, Any]) -> DatasetInfo:
    for name, kind in _KINDS.items():
        if not isinstance(values[name], kind):
            raise refusal(name, f"a {kind.__name__}", values[name])
    low, high = values["spacing_mm"]
    if not (is_number(low) and is_number(high)):
        raise refusal("spacing_mm", "two finite numbers", values["spacing_mm"])
    return DatasetInfo(
        folder=folder,
        config=PairsConfig.of_records(values["config"]),
        train=_split_from_json(values["train"]),
        validation=_split_from_json(values["validation"]),
        sources=[dict(entry) for entry in values["sources"]],
        failed=[{"name": str(entry["name"]), "error": str(entry["error"])} for entry in values["failed"]],
        spacing_mm=(low, high),
        fingerprint=values["fingerprint"],
        versions=values["versions"],
    )


def _split_from_json(values: dict[str, Any]) -> Split:
    shards = tuple(Shard(**shard) for shard in values["shards"])
    check_counts(0, slices=values["slices"])
    return Split(shards, values["slices"], tuple(map(str, values["subjects"])), dict(values["contrasts"]))
