"""How many processors this process may use: those it may run on, as far as its container is given them."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

_CONTROL_GROUPS = Path("/sys/fs/cgroup")


def usable_processors(control_groups: Path = _CONTROL_GROUPS) -> int:
    """Processors to plan for, at least 1.

    `os.cpu_count` counts the host's, also in a container of half a processor. Read are the affinity mask and
    the quota of the control group as a container sees its own, version 2 or 1
    (https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files,
    https://docs.kernel.org/scheduler/sched-bwc.html).

    Args:
        control_groups: Where the system mounts them.
    """
    quota = _quota(control_groups)
    allowed = len(os.sched_getaffinity(0))
    return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))


def _quota(control_groups: Path) -> float | None:
    """Processor time in each second; None where it is not limited."""
    group = control_groups / "cpu"
    for files in (
        (control_groups / "cpu.max",),
        (group / "cpu.cfs_quota_us", group / "cpu.cfs_period_us"),
    ):
        # What is there but says no number, such as "max" or -1, limits nothing.
        with suppress(OSError, ValueError, ZeroDivisionError):
            quota, period = (int(word) for file in files for word in file.read_text().split())
            if quota > 0:
                return quota / period
    return None
