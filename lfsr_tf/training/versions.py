"""The versions of everything that takes part in a run, for versions.json."""

from __future__ import annotations

import platform

import keras
import numpy as np
import tensorflow as tf

import lfsr_tf


def training_versions(dtype_policy: str) -> dict[str, str]:
    """Versions of the package and its libraries, the devices, and the dtype policy that was resolved here."""
    devices = tf.config.list_physical_devices("GPU") or tf.config.list_physical_devices("CPU")
    return {
        "lfsr_tf": lfsr_tf.__version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.platform(),
        "devices": ", ".join(device.name for device in devices),
        "dtype_policy": dtype_policy,
    }
