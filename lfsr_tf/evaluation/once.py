"""What is made of an object only once, and kept as long as that object."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

Source = TypeVar("Source")
Made = TypeVar("Made")


def once(make: Callable[[Source], Made]) -> Callable[[Source], Made]:
    """Make something only once of the same object.

    Args:
        make: From an object that is hashed by identity to what must hold no reference to it, or neither would
            ever be freed.

    Returns:
        The same function; what it returns is shared by all callers and not to be changed.
    """
    kept: WeakKeyDictionary[Source, Made] = WeakKeyDictionary()

    @wraps(make)
    def kept_or_made(source: Source) -> Made:
        if source not in kept:
            kept[source] = make(source)
        return kept[source]

    return kept_or_made
