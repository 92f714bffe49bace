"""Moments in which nothing may tell this process to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ENDING = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
"""What tells a process to end: Ctrl+C, whoever manages processes, and a terminal that is closed."""


@contextmanager
def signals_held() -> Iterator[None]:
    """Have `ENDING` wait for the end of the block, which must be short.

    The first one that came is then answered as it would have been. Elsewhere than in the main thread nothing
    is held: Python answers signals in the main thread alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told: list[int] = []
    # A mask would hold nothing: a thread of TensorFlow's would take the signal instead.
    before = {
        each: signal.signal(each, lambda number, frame: told.append(number))
        for each in ENDING
        # None: not set from Python, which could not put it back.
        if signal.getsignal(each) not in (signal.SIG_IGN, None)
    }
    try:
        yield
    finally:
        for each, earlier in before.items():
            signal.signal(each, earlier)
        if told:
            signal.raise_signal(told[0])
