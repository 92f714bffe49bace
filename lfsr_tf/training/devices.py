"""Where a run computes: one device, or every batch split over all devices of this machine."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import tensorflow as tf

from lfsr_tf.errors import ConfigError


def training_scope(distribute: bool, batch_size: int) -> AbstractContextManager[object]:
    """The scope in which the model is built, compiled and restored.

    Args:
        distribute: Whether to split batches over all GPUs, or all logical CPU devices where there is no GPU
            (`tf.distribute.MirroredStrategy`: the same weights everywhere, gradients averaged).
        batch_size: Pairs per step over all devices together.

    Returns:
        A context manager; it does nothing without `distribute`.

    Raises:
        ConfigError: The batch cannot be split evenly, so that some pairs would count more than others.
    """
    if not distribute:
        return nullcontext()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if batch_size % len(devices):
        raise ConfigError(
            f"Expected a batch_size that {len(devices)} devices can share evenly. "
            f"Received: batch_size={batch_size}. Take a multiple of {len(devices)}."
        )
    strategy: tf.distribute.Strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    return strategy.scope()
