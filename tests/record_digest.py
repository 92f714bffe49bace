"""One hash of a set of records, whatever container they stand in and in whatever order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lfsr_tf.storage import name_bytes


def digest_records(records: Iterable[Mapping[str, Any]]) -> str:
    """Hash decoded records, sorted by their keys.

    Args:
        records: The features of each record: images of any floating dtype, with or without a channel axis,
            numbers and text, as `read_records` or `tfds.as_numpy` gives them.

    Returns:
        Hexadecimal SHA-256: equal for the same records from any container.
    """
    digests = sorted((int(record["key"]), _digest(record)) for record in records)
    return hashlib.sha256(b"".join(digest for _, digest in digests)).hexdigest()


def _digest(record: Mapping[str, Any]) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(record):
        digest.update(f"{name}\0".encode())
        digest.update(_plain_bytes(record[name]))
    return digest.digest()


def _plain_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return name_bytes(value)
    if isinstance(value, bytes):
        return value
    array = np.asarray(value)
    return array.astype("<f4" if array.dtype.kind == "f" else "<i8").tobytes()
