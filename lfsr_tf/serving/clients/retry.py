"""Asking again where a server has too much to do."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from lfsr_tf.serving.clients.failure import Failure

_ATTEMPTS, _FIRST_PAUSE_SECONDS = 5, 0.5

Request = ParamSpec("Request")
Answer = TypeVar("Answer")


def until_free(ask: Callable[Request, Answer]) -> Callable[Request, Answer]:
    """Ask a few times, with pauses that double, as long as the server says that it is busy.

    Args:
        ask: Sends a request; it raises Failure where it is not answered.

    Returns:
        The same, which raises Failure where it was not answered for another reason, or the last time, too.
    """

    @functools.wraps(ask)
    def answer(*request: Request.args, **named: Request.kwargs) -> Answer:
        for attempt in range(_ATTEMPTS - 1):
            try:
                return ask(*request, **named)
            except Failure as failure:
                if not failure.busy:
                    raise
            time.sleep(_FIRST_PAUSE_SECONDS * 2**attempt)
        return ask(*request, **named)

    return answer
