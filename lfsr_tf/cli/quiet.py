"""Importing TensorFlow without its start-up notices, which no environment variable silences.

TensorFlow 2.21 reports a missing GPU driver before its own log levels are read
(github.com/tensorflow/tensorflow/issues/100442), so the notices are caught at the file descriptor.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from lfsr_tf.errors import LfsrError, OutOfMemoryError
from lfsr_tf.lean_import import import_tensorflow

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# Of the dynamic linker.
_UNMAPPED = re.compile("failed to map|cannot allocate memory", re.IGNORECASE)
_NO_THREAD = b"pthread_create failed"


def with_quiet_tensorflow(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Have `command` start with TensorFlow imported and its devices found, silently."""

    @functools.wraps(command)
    def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        import_quietly()
        return command(*args, **kwargs)

    return wrapped


def import_quietly() -> None:
    """Import TensorFlow and find its devices, silently."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _caught_stderr(), _little_memory_in_one_line():
        import_tensorflow()
        import tensorflow as tf

        # Looking for a GPU is what prints the driver's complaints.
        tf.config.list_physical_devices("GPU")


@contextmanager
def _little_memory_in_one_line() -> Iterator[None]:
    """Turn the ways in which an import fails for want of memory into one line.

    Raises:
        OutOfMemoryError: There is too little memory, or the process may not have as much.
    """
    try:
        yield
    except (ImportError, MemoryError) as error:
        if isinstance(error, ImportError) and not _UNMAPPED.search(str(error)):
            raise
        raise OutOfMemoryError(
            "Not enough memory to start TensorFlow. Raise the limit on this process's memory (ulimit -v), or "
            "take a larger machine."
        ) from error


@contextmanager
def _caught_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2; give it out only when the block fails."""
    try:
        caught = tempfile.TemporaryFile()  # noqa: SIM115 - the block below closes it
    except OSError:  # no place for temporary files: whoever needs one says so, and notices do no harm
        yield
        return
    # There is none where descriptor 2 was closed when Python began.
    if sys.stderr is not None:
        sys.stderr.flush()
    descriptor = os.dup(2)
    with caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        except LfsrError:  # says all
            raise
        except (Exception, KeyboardInterrupt) as error:
            caught.seek(0)
            said = caught.read()
            # What is broken off has not failed; but OpenBLAS, given no thread, sends Ctrl-C's signal.
            if isinstance(error, Exception) or _NO_THREAD in said:
                os.write(descriptor, said)
            raise
        finally:
            os.dup2(descriptor, 2)
            os.close(descriptor)
