"""The package's own exceptions: each message says what was expected, what was received and what to do."""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager


class LfsrError(Exception):
    """Base of every error that a user can act on; the command line prints it in one line and exits 1."""


class ScanError(LfsrError):
    """A scan file is missing, unreadable, or not something the package can work with."""


class RecordsError(LfsrError):
    """A folder of TFRecord shards is corrupt, incomplete, or of another schema version."""


class ServiceError(LfsrError):
    """A tf.data service that makes a training's pairs does not answer, or has lost some of them."""


class ConfigError(LfsrError, ValueError):
    """A setting is unknown or out of its range."""


class ModelError(LfsrError):
    """A file is not a model of this package, or a model of another architecture."""


class OutputError(LfsrError):
    """A result cannot be written: no permission, a parent that is a file, a full disk."""


class OutOfMemoryError(LfsrError):
    """Work needs more memory than there is: the fault of the machine and of no file."""


def first_line(error: BaseException) -> str:
    """The first line of another library's message, for one of ours; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def exhaustion_in_one_line(memory: str) -> Iterator[None]:
    """Turn TensorFlow's error of too little memory or disk in the block into one line.

    Args:
        memory: What there was not enough memory for, and what to do: "for 2 slices. Lower --batch-size."

    Raises:
        OutOfMemoryError: There was too little memory.
        OutputError: There was too little disk for what TensorFlow writes, such as TensorBoard's logs.
    """
    # Here, since commands that need no TensorFlow start without it.
    import tensorflow as tf

    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        said = first_line(error)
        if re.search("space left|quota", said, re.IGNORECASE):
            raise OutputError(f"Cannot write: {said}. Check the free space.") from error
        raise OutOfMemoryError(f"Not enough memory {memory}") from error


def printable_line(text: str) -> str:
    """A text as one line for a terminal or a log: names and headers may hold line breaks, and orders for it.

    Returns:
        Its lines joined by spaces; U+FFFD stands for each letter that is neither printable nor a space.
    """
    return "".join(
        letter if letter.isprintable() or unicodedata.category(letter) == "Zs" else "\ufffd"
        for letter in " ".join(text.expandtabs(1).splitlines())
    )
