"""Training on several hosts: Keras' `fit` on TensorFlow's MultiWorkerMirroredStrategy.

Keras 3.15 fails there (keras issue 20585) at two places, and only where the model itself knows of the
strategy: `fit` averages a batch over the hosts to learn its shape, and averages each metric along its first
axis, which a number does not have. So the variables are made inside the strategy's scope, the model around
them outside of it, and `HostsModel` gives each metric an axis.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import keras
import tensorflow as tf

from lfsr_tf.errors import ConfigError, LfsrError
from lfsr_tf.graphs import as_written
from lfsr_tf.storage import name_bytes, name_text
from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.devices import Devices, SharesModel, check_shareable
from lfsr_tf.training.hosts import Hosts, HostsError
from lfsr_tf.training.meeting import meet

Result = TypeVar("Result")

# gRPC reads its own names of hosts to connect directly, and those of `no_proxy` where there are none.
_DIRECT = "no_grpc_proxy"

# TensorFlow's errors where another host is gone; those of data, memory and graphs are of other classes.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.DeadlineExceededError,
    tf.errors.CancelledError,
)


class HostsModel(SharesModel):
    """A functional model whose metrics have an axis, along which Keras averages them over the hosts.

    Args:
        network: A functional model that was built in the strategy's scope; its layers are shared.
        strategy: Where to fit.
    """

    def __init__(self, network: keras.Model, strategy: tf.distribute.Strategy) -> None:
        super().__init__(network)
        self._hosts_strategy = strategy

    @property
    def distribute_strategy(self) -> tf.distribute.Strategy:
        """Where `fit` runs its steps."""
        return self._hosts_strategy

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Keras' own step, each metric [1]."""
        return {name: value[None] for name, value in super().train_step(data).items()}

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Keras' own step, each metric [1]."""
        return {name: value[None] for name, value in super().test_step(data).items()}


class SeveralHosts(Devices):
    """All devices of all hosts, and the words between the hosts."""

    def __init__(self, hosts: Hosts, strategy: tf.distribute.MultiWorkerMirroredStrategy) -> None:
        """Compute on the devices of `strategy`, which connects `hosts`."""
        super().__init__(strategy)
        self._connected = strategy
        self.hosts = hosts
        self.first = hosts.first

    def fitted(self, network: keras.Model) -> keras.Model:
        """A model of the same layers that is made outside of the scope."""
        return HostsModel(network, self._connected)

    def fit_arguments(self, training: tf.data.Dataset, validation: tf.data.Dataset) -> dict[str, Any]:
        """This host's share of every batch, for each of its devices in turn."""
        return {
            "x": self._shared(training),
            "validation_data": self._shared(validation),
            "validation_steps": int(validation.cardinality()),
        }

    def _shared(self, batches: tf.data.Dataset) -> Any:
        each = self.replicas // len(self.hosts.addresses)
        mine = shares(batches, range(each * self.hosts.index, each * (self.hosts.index + 1)), self.replicas)
        return self._connected.distribute_datasets_from_function(lambda context: mine)

    def together(self, work: Callable[[], Result]) -> Result:
        """Do something on every host; where it fails on one, it fails on all.

        Raises:
            LfsrError: That of this host.
            HostsError: That of another host, which is named.
        """
        error: LfsrError | None = None
        try:
            result = work()
        except LfsrError as caught:
            error = caught
        for index, message in enumerate(self._exchange(str(error or ""))):
            if message and error is None:
                raise HostsError(f"{self.hosts.name(index)} ended: {message}")
        if error is not None:
            raise error
        return result

    def told(self, value: Any) -> Any:
        """What the first host says: plain JSON values."""
        return json.loads(self._exchange(json.dumps(value) if self.first else "")[0])

    def check_same(self, value: Any) -> None:
        """Compare plain JSON values between hosts.

        Raises:
            ConfigError: Another host has another value than the first.
        """
        texts = self._exchange(json.dumps(value, sort_keys=True))
        for index, text in enumerate(texts):
            if text != texts[0]:
                raise ConfigError(
                    f"Expected the settings and records of {self.hosts.name(0)} on every host: {texts[0]}. "
                    f"Received: {text} on {self.hosts.name(index)}. Give all hosts the same command."
                )

    def give_weights(self, variables: list[keras.Variable]) -> None:
        """Give all hosts the first one's values, exactly: the others add zeros."""
        for variable in variables:
            value = tf.convert_to_tensor(variable.value)
            sent = value if self.first else tf.zeros_like(value)
            variable.assign(self._connected.reduce("SUM", sent, axis=None))

    def _exchange(self, text: str) -> list[str]:
        """The text of every host."""
        # Collectives do not take empty tensors, nor bytes on every device.
        codes = tf.constant([0, *name_bytes(text)], tf.int32)
        sizes = self._connected.gather(tf.shape(codes), axis=0)
        parts = tf.split(self._connected.gather(codes, axis=0), sizes)
        return [name_text(bytes(part.numpy()[1:].tolist())) for part in parts]


@as_written
def shares(batches: tf.data.Dataset, numbers: range, of: int) -> tf.data.Dataset:
    """Cut each batch into `of` parts, equal where that is possible, and give those of some numbers in turn.

    Args:
        batches: (lr, hr) batches.
        numbers: Which parts to give.
        of: Into how many parts.

    Returns:
        `len(numbers)` elements for each batch; over all numbers every pair stands in one part.
    """

    def cut(lr: tf.Tensor, hr: tf.Tensor) -> tf.data.Dataset:
        pairs = tf.shape(lr, out_type=tf.int64)[0]

        def part(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            first, last = number * pairs // of, (number + 1) * pairs // of
            return lr[first:last], hr[first:last]

        return tf.data.Dataset.range(numbers.start, numbers.stop).map(part)

    parts, known = batches.flat_map(cut), int(batches.cardinality())
    if known == tf.data.UNKNOWN_CARDINALITY:
        return parts
    # So that TensorFlow need not ask all hosts before each step whether there is a next.
    length = known if known == tf.data.INFINITE_CARDINALITY else known * len(numbers)
    return parts.apply(tf.data.experimental.assert_cardinality(length))


def join_hosts(hosts: Hosts, config: TrainConfig) -> SeveralHosts:
    """Meet the other hosts and connect the devices of all.

    Args:
        hosts: Who takes part.
        config: Settings of the run.

    Returns:
        All devices.

    Raises:
        HostsError: Another host does not come.
        ConfigError: TensorFlow is in use already, or the settings do not suit several devices.
    """
    check_shareable(config, len(hosts.addresses))
    meet(hosts)
    pass_by_proxies(hosts)
    devices = SeveralHosts(hosts, _connected(hosts))
    check_shareable(config, devices.replicas)
    return devices


def pass_by_proxies(hosts: Hosts) -> None:
    """Have gRPC connect the hosts directly: where `http_proxy` is set, it would ask the proxy for them."""
    kept = os.environ.get(_DIRECT, "").split(",")
    names = {hosts.split(index)[0] for index in range(len(hosts.addresses))}
    os.environ[_DIRECT] = ",".join(sorted({*kept, *names} - {""}))


def _connected(hosts: Hosts) -> tf.distribute.MultiWorkerMirroredStrategy:
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(hosts.addresses)}),
        task_type="worker",
        task_id=hosts.index,
        num_accelerators={"GPU": len(tf.config.list_physical_devices("GPU"))},
        rpc_layer="grpc",
    )
    # All hosts are there; should one end just now, TensorFlow would wait for it with Python's lock held.
    faulthandler.dump_traceback_later(hosts.wait_s, exit=True)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(resolver)
    except RuntimeError as error:
        raise ConfigError(
            "Expected training on several hosts to begin before TensorFlow is used. Received: a process that "
            f"has computed with it ({error}). Call train first."
        ) from error
    finally:
        faulthandler.cancel_dump_traceback_later()
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            # TensorFlow has set a handler of its own that tells all hosts and ends none.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def lost_hosts_in_one_line(hosts: Hosts | None) -> Iterator[None]:
    """Turn TensorFlow's errors about hosts that are gone into one line.

    Raises:
        HostsError: A host is gone.
    """
    try:
        yield
    except _LOST as error:
        if hosts is None:
            raise
        numbers = {int(number) for number in re.findall(r"task:(\d+)", error.message)} - {hosts.index}
        gone = ", ".join(hosts.name(each) for each in sorted(numbers) if each < len(hosts.addresses))
        raise HostsError(
            f"Expected all {len(hosts.addresses)} hosts to the end. Received: no answer from "
            f"{gone or 'another host'}. See what it said, and start all hosts again: they go on after the "
            "last complete epoch."
        ) from error
