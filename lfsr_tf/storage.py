"""Writing that is all or nothing, and names of files as they are.

Every file or folder that the package produces is written under a temporary sibling name and renamed when it
is complete and on the disk: no kill, full disk, failed conversion or power cut leaves a half-written result.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lfsr_tf.errors import LfsrError, OutOfMemoryError, OutputError
from lfsr_tf.placing import (
    flush_to_disk,
    move_into_place,
    remove,
    rename,
    temporary_sibling,
)

_LITTER = re.compile(r"\.DS_Store|\.directory|Thumbs\.db|desktop\.ini|\.ipynb_checkpoints|\.nfs.*")
# Whether an entry of a folder is one of our own results.
IsOurs = Callable[[Path], bool]


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
    temporary = temporary_sibling(target)
    with _cleaned_up(target, temporary):
        yield temporary
        flush_to_disk(temporary)
        rename(temporary, target)


@contextmanager
def atomic_folder(
    target: Path | str, *, replaces: IsOurs | None = None, overwrite: bool = True
) -> Iterator[Path]:
    """Give a temporary sibling folder of `target` to fill; rename it to `target` when the block succeeds.

    Args:
        target: The folder to create.
        replaces: As of `check_replaceable`.
        overwrite: As of `check_replaceable`.

    Yields:
        The temporary folder, which exists and is empty.

    Raises:
        OutputError: The folder cannot be written, or is refused by `check_replaceable`; nothing is left
            behind, and an earlier result is there as it was.
    """
    target = Path(target).absolute()
    check_replaceable(target, replaces, overwrite=overwrite)
    with staging_folder(target, meant_for=target) as temporary:
        yield temporary
        for path in (*temporary.rglob("*"), temporary):
            flush_to_disk(path)
        move_into_place(temporary, target, overwrite=overwrite and replaces is not None)


@contextmanager
def staging_folder(target: Path, *, meant_for: Path) -> Iterator[Path]:
    """Give a temporary folder beside `target`, which is removed at the end with what is left in it.

    Args:
        target: A path that may be made later, of a file or of a folder.
        meant_for: Folder that its content goes to, for messages.

    Raises:
        OutputError: Something cannot be written.
    """
    temporary = temporary_sibling(target)
    try:
        with _parents_of(target), _cleaned_up(target, temporary):
            temporary.mkdir()
            yield temporary
    except OutputError as error:
        raise OutputError(str(error).replace(str(temporary), str(meant_for))) from error


@contextmanager
def _parents_of(target: Path) -> Iterator[None]:
    """Remove the folders above `target` that were missing, where nothing is in them after the block."""
    missing = [folder for folder in target.parents if not exists(folder)]
    try:
        yield
    finally:
        with suppress(OSError):
            for folder in missing:
                folder.rmdir()


def check_replaceable(target: Path, replaces: IsOurs | None, *, overwrite: bool = True) -> None:
    """Refuse a folder that would be replaced together with what is nobody's business.

    Args:
        target: A folder that is to be made or replaced as a whole.
        replaces: Whether an entry of an existing folder is one of an earlier result: a folder that holds
            anything else is refused. None: every folder that is not empty is.
        overwrite: Whether an earlier result may be replaced.

    Raises:
        OutputError: It holds something else, or is a file, a link, a mount point or where this process works,
            or cannot be looked into.
    """
    try:
        _check_kind(target)
        entries = sorted(target.iterdir()) if target.is_dir() else []
        foreign = [
            entry.name for entry in entries if replaces is None or not (replaces(entry) or is_litter(entry))
        ]
    except OSError as error:
        raise _no_place(target, error) from error
    if foreign:
        what = "is not empty" if replaces is None else f"holds other things, {foreign[0]} for one"
        raise OutputError(
            f"Expected a new output folder. Received: {target}, which {what}. Choose another name."
        )
    if entries and not overwrite:
        raise OutputError(
            f"Expected a new output folder. Received: {target}, which holds an earlier result. Give "
            "--overwrite to replace it, or choose another name."
        )


def _check_kind(target: Path) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise OutputError(f"Cannot write {target}: a file or a link is there. Choose another name.")
    if target.is_mount() or _holds_working_folder(target):
        raise OutputError(
            f"Expected a folder that can be made as a whole. Received: {target}, a mount point or one that "
            "the working folder is in. Name a new folder inside it."
        )


def is_litter(path: Path) -> bool:
    """Whether it is what file browsers, notebooks and network file systems leave in a folder."""
    return _LITTER.fullmatch(path.name) is not None


def _holds_working_folder(target: Path) -> bool:
    try:
        return Path.cwd().is_relative_to(target.resolve())
    except FileNotFoundError:  # the working folder was removed
        return False


def exists(path: Path) -> bool:
    """Whether there is such a file or folder; none where one may not look, and none of an impossible name."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def real_path(path: Path) -> Path:
    """The path without symbolic links. One that leads to itself stays, where `Path.resolve` fails."""
    return Path(os.path.realpath(path))


def is_taken(target: Path) -> bool:
    """Whether something stands where a result is to go.

    Raises:
        OutputError: Nothing can: one may not look there, or the name is too long.
    """
    try:
        target.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _no_place(target, error) from error
    return True


def _no_place(target: Path, error: OSError) -> OutputError:
    return OutputError(f"Cannot write {target}: {error.strerror}. Choose another name or folder.")


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
        raise OutOfMemoryError(f"Not enough memory while writing {target}.") from error
    finally:
        remove(temporary)


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, atomically. NaN and Infinity are refused."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    with atomic_path(path) as temporary:
        # Bytes of file names that are no UTF-8 are surrogates in Python, which JSON has escapes for.
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def read_json(path: Path | str) -> Any:
    """Read one JSON file.

    Raises:
        LfsrError: The file is missing or is not JSON.
    """
    path = Path(path)
    try:
        # A named pipe would be waited for.
        if path.exists() and not path.is_file():
            raise LfsrError(f"Expected a JSON file. Received: {path}, which is no regular file.")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LfsrError(f"Expected a JSON file. Received: {path}, which does not exist.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise LfsrError(f"Expected a JSON file. Received: {path}, which cannot be read ({error}).") from error


def name_bytes(text: str) -> bytes:
    """Text as UTF-8; what a file name has that is no UTF-8 as the bytes that it is."""
    return text.encode("utf-8", "surrogateescape")


def name_text(content: bytes) -> str:
    """The text of which `name_bytes` gives these bytes."""
    return content.decode("utf-8", "surrogateescape")
