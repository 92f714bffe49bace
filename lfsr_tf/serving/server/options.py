"""What a model server is told before it starts; defaults are TensorFlow Serving's where it has the option."""

from __future__ import annotations

import ipaddress
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lfsr_tf.errors import ConfigError
from lfsr_tf.processors import usable_processors
from lfsr_tf.settings import check_types

MIB = 1 << 20
_MOST_REQUEST_BYTES = 2**31 - 1
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
# Calls that need no turn: states, metadata, health. They must be answered under load, too.
_SPARE_THREADS = 8


@dataclass(frozen=True)
class VersionPolicy:
    """Which of the versions in a model's folder are served.

    Attributes:
        kind: The newest ones, all of them, or those that are named.
        newest: How many, for "latest".
        named: For "specific".
    """

    kind: Literal["latest", "all", "specific"] = "latest"
    newest: int = 1
    named: Sequence[int] = ()

    def wanted(self, available: Sequence[int]) -> list[int]:
        """Those of the versions that should be served, the newest first."""
        newest_first = sorted(available, reverse=True)
        if self.kind == "latest":
            return newest_first[: self.newest]
        return [version for version in newest_first if self.kind == "all" or version in self.named]


@dataclass(frozen=True)
class ModelSource:
    """A model and where its versions appear.

    Attributes:
        name: On the server.
        base_path: The folder with one folder a version in it.
        policy: Which versions are served.
        labels: Versions by what clients may call them.
    """

    name: str
    base_path: Path
    policy: VersionPolicy = VersionPolicy()
    labels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """What keeps a server alive under load; a request beyond them is refused in one sentence.

    Attributes:
        request_bytes: Most bytes of one request, and of its tensors once they are unpacked.
        buffered_bytes: Most bytes of all REST bodies together that are being received or answered, as many of
            the REST answers that wait for their clients, of the gRPC messages that run or wait, and of the
            gRPC answers that wait for their clients.
        running: Requests that the model works on at once; TensorFlow divides the cores between them.
        waiting: Requests that may wait for one of those.
        rest_seconds: Longest that a REST request waits for its turn; a gRPC request brings its deadline.
        header_seconds: Longest that a client may take to send a request's headers.
        body_seconds: Longest that a client may take to send a request's body, or a gRPC call's message, or to
            take a mebibyte of an answer.
        idle_seconds: Longest that a connection stays open without a request; over REST, whole seconds.
        connections: Most connections over REST, and as many over gRPC; fewer where the process may have fewer
            open files.
        shutdown_seconds: Longest that requests under way are waited for at the end.
    """

    request_bytes: int = 64 * MIB
    buffered_bytes: int = 512 * MIB
    running: int = field(default_factory=usable_processors)
    waiting: int = 128
    rest_seconds: float = 30.0
    header_seconds: float = 10.0
    body_seconds: float = 60.0
    idle_seconds: float = 30.0
    connections: int = 1024
    shutdown_seconds: float = 30.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: A limit of another type, one that would refuse every request, or more than gRPC can
                take.
        """
        check_types(self)
        for name, value in vars(self).items():
            least = 0 if name == "waiting" else 1e-3 if name.endswith("seconds") else 1
            if not value >= least:  # this way round, NaN is refused, too
                raise ConfigError(f"Expected {name} of {least} or more. Received: {value}.")
        if self.request_bytes > _MOST_REQUEST_BYTES:
            raise ConfigError(
                f"Expected request_bytes of at most {_MOST_REQUEST_BYTES}, gRPC's limit. Received: "
                f"{self.request_bytes}."
            )

    @property
    def threads(self) -> int:
        """Of each protocol: one a request that runs or waits, and some for calls that need no turn."""
        return self.running + self.waiting + _SPARE_THREADS


@dataclass(frozen=True)
class ServerOptions:
    """Everything that a model server needs.

    Attributes:
        models: What is served.
        host: Address to listen on, of IPv4 or IPv6; loopback by default, since nobody is asked who they are.
        grpc_port: 0 for any free one.
        rest_port: 0 for any free one.
        poll_seconds: Time between two looks at the models' folders; 0 for a single look, at the start.
        metrics_path: Of Prometheus's metrics, on the REST port.
        limits: See there.
        allowed_hosts: Names by which REST is reached, in lower case, or addresses in their short form, beside
            localhost, loopback addresses and, beyond loopback, all addresses and the machine's own name.
            Without any, programs may use others there; browsers may not.
    """

    models: tuple[ModelSource, ...]
    host: str = "127.0.0.1"
    grpc_port: int = 8500
    rest_port: int = 8501
    poll_seconds: float = 1.0
    metrics_path: str = "/monitoring/prometheus/metrics"
    limits: Limits = Limits()
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check what can be checked before a port is opened.

        Raises:
            ConfigError: An address, port, time or list of models that cannot be served.
        """
        check_types(self)
        try:
            ipaddress.ip_address(self.host)
        except ValueError as error:
            raise ConfigError(f"Expected --host to be an IP address. Received: {self.host!r}.") from error
        for name, port in (("--port", self.grpc_port), ("--rest-api-port", self.rest_port)):
            if not 0 <= port < 65_536:
                raise ConfigError(f"Expected {name} from 0 to 65535. Received: {port}.")
        if self.grpc_port == self.rest_port != 0:
            raise ConfigError(f"Expected two ports. Received: {self.grpc_port} for gRPC and for REST.")
        if not 0 <= self.poll_seconds <= threading.TIMEOUT_MAX:
            raise ConfigError(
                f"Expected a time between two polls, or 0 for a single one. Received: {self.poll_seconds}."
            )
        for host in self.allowed_hosts:
            if not (_HOST_NAME.fullmatch(host) or _is_short_address(host)):
                raise ConfigError(
                    "Expected --allowed-host to be a name in lower case, or an address in its short form, "
                    f"without brackets, scheme and port. Received: {host!r}."
                )
        names = [model.name for model in self.models]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"Expected models of different names. Received: {', '.join(names) or 'none'}.")

    @property
    def every_address(self) -> bool:
        """Whether the server listens on all addresses of this machine."""
        return ipaddress.ip_address(self.host).is_unspecified

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return ipaddress.ip_address(self.host).is_loopback


def _is_short_address(host: str) -> bool:
    """Whether it is an address of IPv4 or IPv6 as Python writes it, of the many ways to write one."""
    try:
        return str(ipaddress.ip_address(host)) == host
    except ValueError:
        return False
