"""Where a run computes: one device, or every batch split over all devices of this machine."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import keras
import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.training.config import TrainConfig

Result = TypeVar("Result")


class SharesModel(keras.Model):
    """A functional model that also takes a share without images, which a last batch leaves to a device.

    oneDNN's convolution (TensorFlow 2.21) gives no images with the channels of its input, so that the next
    layer fails. So there a black image goes through the network, and is left out of what comes back.

    Args:
        network: A functional model; its layers are shared.
    """

    def __init__(self, network: keras.Model) -> None:
        super().__init__(network.input, network.output, name=network.name)

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: Any = None) -> tf.Tensor:
        """The network's output, as many images as there are in `inputs`."""
        images = tf.shape(inputs)[0]
        black = tf.maximum(1 - images, 0)
        filled = tf.pad(inputs, [(0, black), *[(0, 0)] * (len(inputs.shape) - 1)])
        return super().call(filled, training=training, mask=mask)[:images]


class Devices:
    """The devices of this process; `SeveralHosts` adds those of others, and the words between them.

    Attributes:
        strategy: TensorFlow's; None for a single device.
        first: Whether this process writes the run folder.
    """

    first = True

    def __init__(self, strategy: tf.distribute.Strategy | None = None) -> None:
        """Compute as `strategy` says."""
        self.strategy = strategy

    @property
    def replicas(self) -> int:
        """Copies of the network, over all hosts."""
        return int(self.strategy.num_replicas_in_sync) if self.strategy else 1

    def scope(self) -> AbstractContextManager[object]:
        """Where variables are made: everything with weights or sums is built in it."""
        return self.strategy.scope() if self.strategy else nullcontext()

    def fitted(self, network: keras.Model) -> keras.Model:
        """The model to compile and fit, of the same variables as `network`."""
        with self.scope():
            return SharesModel(network) if self.strategy else network

    def fit_arguments(self, training: tf.data.Dataset, validation: tf.data.Dataset) -> dict[str, Any]:
        """What `fit` takes of global batches: Keras splits them over the devices of one host."""
        return {"x": training, "validation_data": validation}

    def together(self, work: Callable[[], Result]) -> Result:
        """Do something on every host; where it fails on one, it fails on all."""
        return work()

    def told(self, value: Any) -> Any:
        """What the first host says: plain JSON values."""
        return value

    def check_same(self, value: Any) -> None:
        """Compare plain JSON values between hosts."""

    def give_weights(self, variables: list[keras.Variable]) -> None:
        """Give all hosts the first one's values."""


def local_devices(config: TrainConfig) -> Devices:
    """The devices that a run on this machine takes.

    Args:
        config: With `distribute`, batches are split over all GPUs, or all logical CPU devices where there is
            no GPU (`tf.distribute.MirroredStrategy`: the same weights everywhere, gradients averaged over
            the global batch).

    Returns:
        One device without `distribute`.

    Raises:
        ConfigError: As `check_shareable`.
    """
    if not config.distribute:
        return Devices()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    check_shareable(config, len(devices))
    return Devices(_mirrored(tuple(device.name for device in devices)))


@functools.cache
def _mirrored(names: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    """One for all runs: a second one in the process would mix up its sums with those of the first."""
    return tf.distribute.MirroredStrategy(names)


def check_shareable(config: TrainConfig, replicas: int) -> None:
    """Refuse what would give other results on several devices than on one.

    Raises:
        ConfigError: The batch cannot be split evenly, so that some pairs would count more than others; or
            float16 is asked for: Keras' scaling of the loss looks for infinite gradients on one replica
            alone, before they are added up; or several steps an execution, or a compiled step: TensorFlow
            2.21 fails to run Keras' loop of such steps, and to compile sums over devices.
    """
    if config.batch_size % replicas:
        raise ConfigError(
            f"Expected a batch_size that {replicas} devices can share evenly. "
            f"Received: batch_size={config.batch_size}. Take a multiple of {replicas}."
        )
    for name in ("steps_per_execution", "jit_compile"):
        only, value = getattr(TrainConfig, name), getattr(config, name)
        if replicas > 1 and value != only:
            raise ConfigError(
                f"Expected {name}={str(only).lower()} on {replicas} devices. Received: "
                f"{name}={str(value).lower()}. Leave it out."
            )
    if replicas > 1 and config.dtype_policy == "mixed_float16":
        raise ConfigError(
            f"Expected float32 or mixed_bfloat16 on {replicas} devices. Received: dtype_policy="
            "mixed_float16, whose overflows one device would not see in another. Take mixed_bfloat16."
        )
