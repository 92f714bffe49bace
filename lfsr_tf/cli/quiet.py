"""Importing TensorFlow without its start-up notices, which no environment variable silences.

TensorFlow 2.21 reports a missing GPU driver before its own log levels are read
(github.com/tensorflow/tensorflow/issues/100442), so the notices are caught at the file descriptor.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from lfsr_tf.lean_import import import_tensorflow

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


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
    with _caught_stderr():
        import_tensorflow()
        import tensorflow as tf

        # Looking for a GPU is what prints the driver's complaints.
        tf.config.list_physical_devices("GPU")


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
        except Exception:  # what is broken off has not failed
            caught.seek(0)
            os.write(descriptor, caught.read())
            raise
        finally:
            os.dup2(descriptor, 2)
            os.close(descriptor)
