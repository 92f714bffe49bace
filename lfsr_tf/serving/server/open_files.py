"""Connections are open files of the process, of which it may have only so many."""

from __future__ import annotations

import logging
import resource
from contextlib import suppress

logger = logging.getLogger(__name__)

# Of the process itself: models, files that are worked on, and connections that are about to be closed.
_OTHER_FILES = 512


def connections_within(most: int, ports: int) -> int:
    """How many connections each port may have; the process is allowed as many files, where it may be.

    Args:
        most: Wanted on each port.
        ports: How many there are.
    """
    allowed = _raised(ports * most + _OTHER_FILES)
    if allowed is None:
        return most
    # Half of the files at least, where all that are set aside would leave less.
    found = max(1, min(most, max((allowed - _OTHER_FILES) // ports, allowed // (2 * ports))))
    if found < most:
        logger.warning(
            "%d connections a port instead of %d: the process may have %d open files", found, most, allowed
        )
    return found


def _raised(wanted: int) -> int | None:
    """Raise the limit as far as wanted, or as may be; what it is then, None where it is enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not _enough(soft, wanted):
        higher = wanted if _enough(hard, wanted) else hard
        # Containers may forbid it, and some systems have a limit below the hard one.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (higher, hard))
            soft = higher
    return None if _enough(soft, wanted) else soft


def _enough(limit: int, wanted: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= wanted
