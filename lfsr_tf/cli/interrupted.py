"""How a command ends that was stopped: with Ctrl-C, or by whoever manages processes."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lfsr_tf.signals import handled

INTERRUPTED = 128 + signal.SIGINT
"""Exit code of Ctrl-C, as of a shell."""

# `timeout` and closed terminals send a signal twice, at once.
_AGAIN_SECONDS = 1.0


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


@contextmanager
def told_to_end() -> Iterator[list[int]]:
    """Have SIGTERM and SIGHUP end the block as Ctrl-C does, so that it leaves nothing behind.

    One that is ignored, as by nohup, stays so. A second one, a second later or more, ends the process at
    once.

    Yields:
        Gets the number of the signal that came.

    Raises:
        KeyboardInterrupt: One came.
    """
    told: list[int] = []
    since = 0.0

    def tell(number: int, frame: object) -> None:
        nonlocal since
        if not told:
            told.append(number)
            since = time.monotonic()
            raise KeyboardInterrupt
        if time.monotonic() - since >= _AGAIN_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    with handled(tell, signal.SIGTERM, signal.SIGHUP):
        yield told


def end_at_once() -> None:
    """Have SIGTERM and SIGHUP end this process even within TensorFlow, where Python answers none."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, signal.SIG_DFL)
