"""Asking again where a server has too much to do, for clients whose protocol does not do so by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from lfsr_tf.serving.clients.failure import Failure

_ATTEMPTS, _FIRST_PAUSE_SECONDS = 5, 0.5

Answer = TypeVar("Answer")


def ask_until_free(ask: Callable[[], Answer]) -> Answer:
    """Ask a few times, with pauses that double, as long as the server says that it is busy.

    Args:
        ask: Sends the request.

    Raises:
        Failure: It was not answered, for another reason or the last time, too.
    """
    for attempt in range(_ATTEMPTS - 1):
        try:
            return ask()
        except Failure as failure:
            if not failure.busy:
                raise
        time.sleep(_FIRST_PAUSE_SECONDS * 2**attempt)
    return ask()
