"""A network of one's own: a process and its children that nothing outside can reach.

TensorFlow's tf.data servers listen on every interface and ask for no password, and there is no setting for it
(the address 0.0.0.0 stands in `tensorflow/core/data/service/server_lib.cc`). In a network namespace every
interface is the loopback.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

from lfsr_tf.errors import ConfigError

# From <linux/sched.h>, <linux/sockios.h>, <linux/if.h> and <linux/prctl.h>.
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1
_PARENT_DEATH_SIGNAL = 1


def enter_private_network() -> None:
    """Leave the host's network for one with nothing but a loopback interface, for good.

    Raises:
        ConfigError: The system does not let its users make namespaces, or is not Linux, or this process has
            several threads.
    """
    user, group = os.getuid(), os.getgid()
    try:
        _system_call("unshare", _NEW_USER | _NEW_NETWORK)
        _map_to_itself(user, group)
        _loopback_up()
    except (OSError, AttributeError) as error:
        raise ConfigError(
            f"Expected a system that lets users make network namespaces. Received: {error}. Start dispatcher "
            "and workers by themselves with --all-interfaces, behind a firewall."
        ) from error


def end_with_parent(signal: int) -> None:
    """Send this process a signal when the one that started it ends, however it ends."""
    _system_call("prctl", _PARENT_DEATH_SIGNAL, signal)


def _system_call(name: str, *arguments: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _map_to_itself(user: int, group: int) -> None:
    """Files keep their owner inside the user namespace that the network namespace needs."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(endpoint, _GET_FLAGS, request))[1]
        fcntl.ioctl(endpoint, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))
