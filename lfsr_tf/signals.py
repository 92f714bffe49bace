"""Moments in which nothing may tell this process to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

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
    try:
        # A mask would hold nothing: a thread of TensorFlow's would take the signal instead.
        with handled(lambda number, frame: told.append(number), *ENDING):
            yield
    finally:
        if told:
            signal.raise_signal(told[0])


@contextmanager
def handled(handler: Callable[[int, FrameType | None], object], *signals: signal.Signals) -> Iterator[None]:
    """Have a handler answer signals in the block, and put back what answered them before.

    Signals that are ignored, as by nohup, stay so, and those that are answered elsewhere than in Python,
    where nothing could be put back.
    """
    # A stack undoes all, whatever comes in between.
    with ExitStack() as earlier:
        for each in signals:
            before = signal.getsignal(each)
            if before not in (signal.SIG_IGN, None):
                earlier.callback(signal.signal, each, before)
                signal.signal(each, handler)
        yield
