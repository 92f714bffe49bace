"""Which hosts train together: from a list of addresses, from TF_CONFIG, or from Slurm's variables."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from lfsr_tf.errors import ConfigError, LfsrError

SLURM, TF_CONFIG = "slurm", "tf-config"
# Jobs that share a host get ports of their own, below those that Linux gives out by itself (32768...).
_FIRST_SLURM_PORT, _SLURM_PORTS = 12_000, 20_000
# About eleven days; Python's own limit depends on the system.
_LONGEST_WAIT_S = 1_000_000
_LOOPBACK = ("localhost", "127.", "::1", "[::1]")


class HostsError(LfsrError):
    """Another host does not come, has ended, or has met an error of its own."""


@dataclass(frozen=True)
class Hosts:
    """The processes of one training, one a host as a rule, and which of them this one is.

    Attributes:
        addresses: "host:port" of each, the same list in the same order everywhere. The first one writes the
            run folder.
        index: Place of this process in the list, from 0.
        wait_s: Seconds to wait for the others at the start.
    """

    addresses: tuple[str, ...]
    index: int
    wait_s: float = 300.0

    def __post_init__(self) -> None:
        """Refuse what cannot be a cluster.

        Raises:
            ConfigError: Fewer than two addresses, one twice, one without a port, an index beyond them, or a
                wait that is not above 0 or has no end.
        """
        if len(self.addresses) < 2 or len(set(self.addresses)) < len(self.addresses):
            raise _refusal("at least two different addresses, host:port,host:port", ",".join(self.addresses))
        for address in self.addresses:
            name, _, port = address.rpartition(":")
            if not name or not port.isdecimal() or not 0 < int(port) < 65536:
                raise _refusal("an address as host:port", address)
        if not 0 <= self.index < len(self.addresses):
            raise _refusal(f"a host index of 0 to {len(self.addresses) - 1}", str(self.index))
        if not 0 < self.wait_s <= _LONGEST_WAIT_S:
            raise _refusal(f"wait_s above 0 and at most {_LONGEST_WAIT_S} s", str(self.wait_s))

    @property
    def first(self) -> bool:
        """Whether this process writes the run folder."""
        return self.index == 0

    @property
    def local(self) -> bool:
        """Whether all addresses are loopback ones, so that nothing need be reachable from outside."""
        return all(address.startswith(_LOOPBACK) for address in self.addresses)

    def name(self, index: int) -> str:
        """One host in words: its number and its address."""
        return f"host {index} ({self.addresses[index]})"

    def split(self, index: int) -> tuple[str, int]:
        """Name and port of one host."""
        name, _, port = self.addresses[index].rpartition(":")
        return name.strip("[]"), int(port)


def find_hosts(
    given: str | None, index: int | None = None, environment: Mapping[str, str] | None = None
) -> Hosts | None:
    """Read which hosts take part.

    Args:
        given: "host:port,host:port", "slurm", "tf-config", or None: this process alone.
        index: Place of this process in a list of addresses. None: the one address that is this machine's.
        environment: Variables to read; None: those of the process.

    Returns:
        The hosts; None for a process alone.

    Raises:
        ConfigError: They are not what was said, or it is unclear which of them this one is.
    """
    environment = os.environ if environment is None else environment
    if given is None:
        if index is not None:
            raise _refusal("--hosts with --host-index", "an index alone")
        return None
    if given in (SLURM, TF_CONFIG):
        if index is not None:
            raise _refusal(f"no index with {given}, which has it", f"index {index}")
        return _from_slurm(environment) if given == SLURM else _from_tf_config(environment)
    addresses = tuple(part.strip() for part in given.split(",") if part.strip())
    return Hosts(addresses, _own_index(addresses) if index is None else index)


def _own_index(addresses: tuple[str, ...]) -> int:
    own = {socket.gethostname(), socket.getfqdn()}
    found = [number for number, each in enumerate(addresses) if each.rpartition(":")[0] in own]
    if len(found) != 1:
        raise _refusal(
            f"one address of this machine ({', '.join(sorted(own))}), or --host-index", ",".join(addresses)
        )
    return found[0]


def _from_tf_config(environment: Mapping[str, str]) -> Hosts:
    text = environment.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        chiefs = list(cluster.get("chief", []))
        index = int(task["index"]) + (len(chiefs) if task["type"] == "worker" else 0)
        if not {"chief", "worker"} >= {*cluster, task["type"]}:
            raise ValueError("other tasks than chief and worker")
        if not 0 <= int(task["index"]) < len(cluster.get(task["type"], [])):
            raise ValueError(f"no {task['type']} {task['index']}")
        return Hosts((*chiefs, *cluster["worker"]), index)
    except ConfigError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refusal(
            'TF_CONFIG as {"cluster": {"worker": ["host:port"]}, "task": {"type": "worker", "index": 0}}',
            f"{text or 'none'} ({error!r})",
        ) from error


def _from_slurm(environment: Mapping[str, str]) -> Hosts:
    # TensorFlow's SlurmClusterResolver sorts names as text: n10 comes before n9, and ranks are mixed up.
    from tensorflow.python.distribute.cluster_resolver import slurm_cluster_resolver as slurm

    try:
        names = slurm.expand_hostlist(environment["SLURM_STEP_NODELIST"])
        counts = slurm.expand_tasks_per_node(environment["SLURM_STEP_TASKS_PER_NODE"])
        rank, job = int(environment["SLURM_PROCID"]), int(environment["SLURM_JOB_ID"])
    except (KeyError, ValueError) as error:
        raise _refusal("Slurm's variables of a step, as srun sets them", f"{error}") from error
    port = _FIRST_SLURM_PORT + job % _SLURM_PORTS
    pairs = [(name, task) for name, tasks in zip(names, counts, strict=False) for task in range(tasks)]
    hosts = Hosts(tuple(f"{name}:{port + task}" for name, task in pairs), rank)
    here = environment.get("SLURMD_NODENAME", pairs[rank][0])
    if here != pairs[rank][0]:
        raise _refusal(f"task {rank} on {pairs[rank][0]}, as srun --distribution=block has it", here)
    return hosts


def _refusal(expected: str, received: str) -> ConfigError:
    return ConfigError(f"Expected {expected}. Received: {received}. See docs/several_devices.md.")
