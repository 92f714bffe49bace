"""How a command ends that was stopped with Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 128 + signal.SIGINT
"""Exit code, as of a shell."""


class Interrupted(Exception):  # noqa: N818 - it is no error
    """A command was stopped; its text says how it goes on."""


@contextmanager
def interrupted_with(advice: str) -> Iterator[None]:
    """Give a command its own words for a Ctrl-C in the block.

    Args:
        advice: How it goes on, in a sentence.

    Raises:
        Interrupted: It was stopped.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        raise Interrupted(advice) from stop
