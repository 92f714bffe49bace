"""LR/HR pairs: from scans to TFRecord shards, and from shards to `tf.data`.

Names are imported when they are first used: preparing needs no TensorFlow in the directing process.
"""

from __future__ import annotations

import importlib
from typing import Any

_EXPORTS = {
    "PairsConfig": "config",
    "load_preset": "config",
    "DatasetInfo": "dataset",
    "open_dataset": "dataset",
    "prepare_dataset": "preparing.prepare",
    "HrSlices": "slices",
    "hr_scan": "slices",
    "hr_slices": "slices",
    "low_resolution_reference": "slices",
    "check_records": "reading",
    "read_records": "reading",
    "PipelineConfig": "options",
    "steps_per_epoch": "pipeline",
    "training_data": "pipeline",
    "validation_data": "pipeline",
    "simulate_scan": "simulate",
}

__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'lfsr_tf.pairs' has no attribute {name!r}")
    return getattr(importlib.import_module(f"lfsr_tf.pairs.{_EXPORTS[name]}"), name)
