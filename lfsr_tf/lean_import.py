"""Importing TensorFlow without what it and Keras import only because it is installed.

TensorFlow's converters take in JAX; Keras takes in matplotlib and pandas for plots and data frames. Where
all three are installed, that is half of the time of `import tensorflow`. The programs of this package need
none of them for it; what they need themselves, a report's matplotlib, they import afterwards as ever. Another
tenth goes to Python's search for garbage, while nearly everything that is made stays.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_UNNEEDED = ("jax", "matplotlib", "pandas")


def import_tensorflow() -> None:
    """Import TensorFlow and with it Keras, unless they are there: for programs, not for somebody's script."""
    if "tensorflow" in sys.modules:
        return
    # Whoever asks for another backend gets what it takes.
    own_backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow") == "tensorflow"
    with _counting_as_missing(*_UNNEEDED if own_backend else ()), _without_collection():
        import tensorflow  # noqa: F401


@contextmanager
def _without_collection() -> Iterator[None]:
    """In the block nothing is looked through for garbage: of a million new objects nearly all stay."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # They stay out of later searches, too.
        gc.freeze()
        if collecting:
            gc.enable()


@contextmanager
def _counting_as_missing(*names: str) -> Iterator[None]:
    """In the block these count as not installed, unless they are imported already."""
    missing = [name for name in names if name not in sys.modules]
    # https://docs.python.org/3/reference/import.html#the-module-cache
    sys.modules.update(dict.fromkeys(missing))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]
