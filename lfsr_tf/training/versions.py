"""The versions of everything that takes part in a run, and the machine that it ran on, for versions.json."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import lfsr_tf
from lfsr_tf.processors import usable_processors

_CPU_INFO = Path("/proc/cpuinfo")
_UNKNOWN = "unknown"


def training_versions(dtype_policy: str) -> dict[str, str]:
    """Versions of the package and its libraries, the machine, and the dtype policy that was resolved here.

    "cores" are those that the process may use, "memory" is the whole machine's.
    """
    devices = tf.config.list_physical_devices("GPU") or tf.config.list_physical_devices("CPU")
    return {
        "lfsr_tf": lfsr_tf.__version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.platform(),
        "processor": processor_name(),
        "cores": str(_cores()),
        "memory": _memory(),
        "devices": ", ".join(map(_device_name, devices)),
        "dtype_policy": dtype_policy,
    }


def processor_name(cpu_info: Path = _CPU_INFO) -> str:
    """The processor's name with family and model, as Linux gives them; elsewhere what the platform calls it.

    A virtual machine may shorten the name: family and model still tell which it is.

    Args:
        cpu_info: Where Linux describes its processors.
    """
    text = ""
    with suppress(OSError):
        text = cpu_info.read_text(encoding="utf-8", errors="replace")
    # The first of them; a blank line ends it.
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    known = {name.strip(): value.strip() for name, _, value in pairs}
    name = known.get("model name")
    if not name:
        return platform.processor() or platform.machine() or _UNKNOWN
    named = {"family": known.get("cpu family"), "model": known.get("model")}
    numbers = ", ".join(f"{word} {number}" for word, number in named.items() if number)
    return f"{name} ({numbers})" if numbers else name


def _cores() -> int:
    # Only Linux tells which processors a process may use.
    with suppress(AttributeError, OSError):
        return usable_processors()
    return os.cpu_count() or 1


def _memory() -> str:
    with suppress(AttributeError, OSError, ValueError):
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB"
    return _UNKNOWN


def _device_name(device: tf.config.PhysicalDevice) -> str:
    model = tf.config.experimental.get_device_details(device).get("device_name")
    return f"{device.name} ({model})" if model else str(device.name)
