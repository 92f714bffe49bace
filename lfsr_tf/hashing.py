"""Hashes that are the same on every machine: of files, for seeds, and for the split of subjects."""

from __future__ import annotations

import errno
import hashlib
import stat
from pathlib import Path

from lfsr_tf.storage import name_bytes


def sha256_file(path: Path | str) -> str:
    """Hexadecimal SHA-256 of a file's bytes.

    Raises:
        OSError: It cannot be read, or is no regular file: a named pipe would be waited for, for ever.
    """
    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest(parts: tuple[object, ...]) -> bytes:
    # The separator cannot occur in a name, so ("ab", "c") and ("a", "bc") differ.
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(name_bytes(text), digest_size=8).digest()


def stable_seed(*parts: str | int) -> tuple[int, int]:
    """Two int32 numbers that depend on `parts` alone: the key of a `tf.random.stateless_*` call.

    Args:
        *parts: For example seed, subject, scan, slice, copy and epoch.

    Returns:
        Two integers in [-2^31, 2^31), the same on every machine and in every process.
    """
    digest = _digest(parts)
    first, second = digest[:4], digest[4:]
    return int.from_bytes(first, "little", signed=True), int.from_bytes(second, "little", signed=True)


def stable_fraction(*parts: str | int) -> float:
    """A number in [0, 1) that depends on `parts` alone; splits subjects the same way on every machine."""
    # 53 bits: the largest such fraction is still below 1 as a float.
    return (int.from_bytes(_digest(parts), "little") >> 11) / 2.0**53
