"""Hosts meet before TensorFlow starts, which waits for ever, deaf to SIGTERM, for one that does not come."""

from __future__ import annotations

import hashlib
import select
import socket
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress

import lfsr_tf
from lfsr_tf.training.hosts import Hosts, HostsError

_GO, _NO = b"go\n", b"another list of hosts or version of lfsr_tf\n"
_END = b"another host has another list of hosts or version of lfsr_tf\n"
_PAUSE_S = 0.2
# How often the first host looks whether those that came are still there.
_LOOK_S = 1.0
# How long a line of a few bytes may take from a host that is there.
_LINE_S = 5.0


def meet(hosts: Hosts) -> None:
    """Return when all hosts are there.

    The others knock at the first host's port, which TensorFlow takes over afterwards, and it answers all of
    them when the last has come. Every host holds its own port meanwhile, since a taken one is named here
    and by TensorFlow only after the others have begun to wait for it.

    Args:
        hosts: Who takes part.

    Raises:
        HostsError: A host did not come in time, has another list of hosts or another version of lfsr_tf, or
            another program has this host's port.
    """
    deadline = time.monotonic() + hosts.wait_s
    if hosts.first:
        _receive(hosts, deadline)
    else:
        with _listening(hosts):
            _knock(hosts, deadline)


def _greeting(hosts: Hosts, index: int) -> bytes:
    digest = hashlib.blake2b(",".join(hosts.addresses).encode(), digest_size=8).hexdigest()
    return f"lfsr_tf {lfsr_tf.__version__} {digest} {index}\n".encode()


def _receive(hosts: Hosts, deadline: float) -> None:
    expected = {_greeting(hosts, index): index for index in range(1, len(hosts.addresses))}
    came: dict[int, socket.socket] = {}
    with ExitStack() as stack:
        server = stack.enter_context(_listening(hosts))
        while len(came := _still_there(came)) < len(expected):
            missing = set(expected.values()) - came.keys()
            left = deadline - time.monotonic()
            # Not at the very end, when others give up, too.
            server.settimeout(_LOOK_S if left > 2 * _LOOK_S else max(left, 0.01))
            try:
                guest = stack.enter_context(server.accept()[0])
            except TimeoutError as error:
                if time.monotonic() < deadline:
                    continue
                raise _absent(hosts, ", ".join(map(hosts.name, sorted(missing)))) from error
            greeting = _line(guest)
            if greeting in expected:
                came[expected[greeting]] = guest
            else:
                _turn_away(hosts, guest, greeting, missing, came)
        _tell(came.values(), _GO)


def _still_there(came: dict[int, socket.socket]) -> dict[int, socket.socket]:
    """Without those that have gone: a guest says one line and waits, so nothing is left to read."""
    readable, _, _ = select.select(list(came.values()), [], [], 0)
    return {index: guest for index, guest in came.items() if guest not in readable}


def _turn_away(
    hosts: Hosts, guest: socket.socket, greeting: bytes, missing: set[int], came: dict[int, socket.socket]
) -> None:
    """Send a stranger away; one that is missed has come to another training, and nobody waits any longer."""
    _tell([guest], _NO)
    guest.close()
    own, _, number = greeting.strip().rpartition(b" ")
    if own.startswith(b"lfsr_tf ") and number in {b"%d" % index for index in missing}:
        _tell(came.values(), _END)
        raise _other_training(hosts.name(int(number)))


def _knock(hosts: Hosts, deadline: float) -> None:
    while (left := deadline - time.monotonic()) > 0:
        with suppress(OSError), socket.create_connection(hosts.split(0), timeout=left) as connection:
            connection.settimeout(left)
            connection.sendall(_greeting(hosts, hosts.index))
            answer = connection.recv(100)
            if answer == _GO:
                return
            if answer:
                raise _turned_away(hosts, answer)
        time.sleep(_PAUSE_S)
    raise _absent(hosts, hosts.name(0))


def _turned_away(hosts: Hosts, answer: bytes) -> HostsError:
    if answer in (_NO, _END):
        return _other_training(hosts.name(0), answer)
    # TensorFlow's own server, which speaks first and in bytes, or a stranger.
    return HostsError(
        f"Expected {hosts.name(0)} to start the same training. Received: an answer of another program on its "
        "port, as TensorFlow gives when a training has begun there without this host. End all hosts, and "
        "start all of them again."
    )


def _other_training(name: str, said: bytes = _NO) -> HostsError:
    return HostsError(
        f"Expected {name} to start the same training. Received: {said.decode().strip()}. Give all hosts the "
        "same command and the same version."
    )


def _listening(hosts: Hosts) -> socket.socket:
    name, port = hosts.split(hosts.index)
    family = _family(name)
    # A host's own name may stand for 127.0.1.1 on itself, so only "all interfaces" is sure to be reached.
    address, both = "", socket.has_dualstack_ipv6()
    if hosts.local:
        address, both = "::1" if family == socket.AF_INET6 else "127.0.0.1", False
    try:
        return socket.create_server(
            (address, port), family=socket.AF_INET6 if both else family, dualstack_ipv6=both
        )
    except OSError as error:
        raise HostsError(
            f"Expected port {port} to be free on {hosts.name(hosts.index)}. Received: {error.strerror}. "
            "Choose another."
        ) from error


def _family(name: str) -> socket.AddressFamily:
    """IPv6 for a name or an address that has no other."""
    with suppress(socket.gaierror):
        families = {found[0] for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
        if socket.AF_INET not in families:
            return socket.AF_INET6
    return socket.AF_INET


def _line(guest: socket.socket) -> bytes:
    guest.settimeout(_LINE_S)
    with suppress(OSError):
        return guest.recv(200)
    return b""


def _tell(guests: Iterable[socket.socket], text: bytes) -> None:
    for guest in guests:
        # One that has gone is missed by TensorFlow or comes again.
        with suppress(OSError):
            guest.sendall(text)


def _absent(hosts: Hosts, missing: str) -> HostsError:
    return HostsError(
        f"Expected all {len(hosts.addresses)} hosts within {hosts.wait_s:g} s. Received: nothing from "
        f"{missing}. Start the same command there, and let the ports through between the hosts."
    )
