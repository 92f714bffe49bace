"""Connections are open files of the process, of which it may have only so many."""

from __future__ import annotations

import resource

# Of the process itself: models, files that are worked on, and connections that are about to be closed.
_OTHER_FILES = 512


def connections_within(most: int, ports: int) -> int:
    """How many connections each port may have; the process is allowed as many files, where it may be.

    Args:
        most: Wanted on each port.
        ports: How many there are.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ports * most + _OTHER_FILES
    if not _enough(soft, wanted):
        soft = wanted if _enough(hard, wanted) else hard
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return most if _enough(soft, wanted) else max(1, (soft - _OTHER_FILES) // ports)


def _enough(limit: int, wanted: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= wanted
