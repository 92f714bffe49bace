"""What libraries log of their own errors, as the lines of a log that no client can fill."""

from __future__ import annotations

import logging
import threading
import time

from lfsr_tf.serving.server.refusal import one_line

_SECONDS = 1.0


def in_one_line(record: logging.LogRecord) -> bool:
    """Make one short line without a traceback of a record; for `addFilter`."""
    text = record.getMessage()
    if record.exc_info:
        error = record.exc_info[1]
        text = f"{text} ({type(error).__name__}: {error})"
        record.exc_info = None
    record.msg, record.args = "%s", (one_line(text),)
    return True


class Seldom(logging.Filter):
    """Lets the same message pass once a second."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._last, self._until = "", 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is another message than the last one, or the second is over."""
        text, now = record.getMessage(), time.monotonic()
        with self._lock:
            if text == self._last and now < self._until:
                return False
            self._last, self._until = text, now + _SECONDS
        return True
