"""Writing that is all or nothing, and hashes that are the same on every machine.

Every file or folder that the package produces is written under a temporary sibling name and renamed when it
is complete, so that a killed run, a full disk or a failed conversion never leaves a half-written result.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lfsr_tf.errors import LfsrError, OutputError

TEMPORARY_PREFIX = ".partial-"


@contextmanager
def atomic_path(target: Path | str) -> Iterator[Path]:
    """Give a temporary sibling of `target` to write to; rename it to `target` when the block succeeds.

    The temporary name keeps the suffixes of `target`: writers choose a format by them. Parents are made.

    Args:
        target: The file to write. An existing file is replaced in one step.

    Yields:
        The temporary path.

    Raises:
        OutputError: The file cannot be written; nothing is left behind.
    """
    target = Path(target)
    temporary = _temporary_sibling(target)
    with _cleaned_up(target, temporary):
        yield temporary
        _flush_to_disk(temporary)
        temporary.replace(target)


@contextmanager
def atomic_folder(target: Path | str, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary sibling folder of `target` to fill; rename it to `target` when the block succeeds.

    Args:
        target: The folder to create.
        overwrite: Replace an existing folder; without it an existing, non-empty folder is refused.

    Yields:
        The temporary folder, which exists and is empty.

    Raises:
        OutputError: The folder cannot be written, or stands already; nothing is left behind.
    """
    target = Path(target)
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise OutputError(
            f"Expected a new output folder. Received: {target}, which is not empty. Choose another name."
        )
    temporary = _temporary_sibling(target)
    with _cleaned_up(target, temporary):
        temporary.mkdir()
        yield temporary
        if target.is_dir():
            shutil.rmtree(target)
        temporary.replace(target)


def _temporary_sibling(target: Path) -> Path:
    return target.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{target.name}")


@contextmanager
def _cleaned_up(target: Path, temporary: Path) -> Iterator[None]:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise OutputError(
            f"Cannot write {target}: {error.strerror or error}. Check the path and the free space."
        ) from error
    except MemoryError as error:
        raise LfsrError(f"Not enough memory while writing {target}.") from error
    finally:
        remove(temporary)


def remove(path: Path) -> None:
    """Remove a file or a whole folder if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True) if path.parent.is_dir() else None


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, atomically. NaN and Infinity are refused."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path | str) -> Any:
    """Read one JSON file.

    Raises:
        LfsrError: The file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LfsrError(f"Expected a JSON file. Received: {path}, which does not exist.") from error
    except (OSError, ValueError) as error:
        raise LfsrError(f"Expected a JSON file. Received: {path}, which cannot be read ({error}).") from error


def sha256_file(path: Path | str) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest(parts: tuple[object, ...]) -> bytes:
    # The separator cannot occur in a name, so ("ab", "c") and ("a", "bc") differ.
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


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
