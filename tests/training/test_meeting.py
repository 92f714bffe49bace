"""How hosts meet before TensorFlow starts: who is missing, who is a stranger, which port is taken."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import grpc
import pytest

from lfsr_tf.training.hosts import Hosts, HostsError
from lfsr_tf.training.meeting import _greeting, meet


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def met(addresses: list[str], indices: list[int], wait_s: float) -> dict[int, str]:
    """What each host has to say after a meeting: nothing where all came."""
    said: dict[int, str] = {}

    def come(index: int) -> None:
        try:
            meet(Hosts(tuple(addresses), index, wait_s))
            said[index] = ""
        except HostsError as error:
            said[index] = str(error)

    threads = [threading.Thread(target=come, args=(index,)) for index in indices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


def test_three_hosts_meet_in_any_order_and_the_port_is_free_afterwards() -> None:
    ports = free_ports(3)
    assert met([f"127.0.0.1:{port}" for port in ports], [2, 0, 1], 30) == {0: "", 1: "", 2: ""}
    socket.create_server(("127.0.0.1", ports[0])).close()


def test_a_host_that_does_not_come_is_named() -> None:
    addresses = [f"127.0.0.1:{port}" for port in free_ports(3)]
    said = met(addresses, [0, 1], 1.0)
    assert f"nothing from host 2 ({addresses[2]})" in said[0]
    assert f"nothing from host 0 ({addresses[0]})" in said[1]


def test_a_first_host_that_does_not_come_is_named() -> None:
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    assert f"nothing from host 0 ({addresses[0]})" in met(addresses, [1], 0.5)[1]


@pytest.fixture
def first() -> Iterator[Callable[..., Callable[[], str]]]:
    """Starts the first host; what it says when it has ended, which is awaited."""
    said: dict[int, str] = {}
    threads: list[threading.Thread] = []

    def start(addresses: list[str], wait_s: float) -> Callable[[], str]:
        threads.append(threading.Thread(target=lambda: said.update(met(addresses, [0], wait_s))))
        threads[0].start()
        return lambda: (threads[0].join(), said[0])[1]

    yield start
    for thread in threads:
        thread.join()


def knocked(address: str, line: bytes) -> socket.socket:
    """A connection to the first host, which may be on its way, with a line said."""
    name, _, port = address.rpartition(":")
    for _ in range(200):
        with suppress(OSError):
            connection = socket.create_connection((name, int(port)), timeout=10)
            connection.sendall(line)
            return connection
        time.sleep(0.05)
    raise AssertionError("the first host does not listen")


def test_a_host_of_another_training_is_turned_away_and_named_at_once(first: Callable) -> None:
    ports = [f"127.0.0.1:{port}" for port in free_ports(3)]
    began = time.monotonic()
    said = first(ports[:2], 60.0)
    other = met([ports[0], ports[2]], [1], 60.0)
    assert "Expected host 0" in other[1] and "another list of hosts or version" in other[1]
    assert f"Expected host 1 ({ports[1]})" in said() and "another list of hosts or version" in said()
    assert time.monotonic() < began + 30


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1\r\n", b"lfsr_tf 9 list 7\n", b"lfsr_tf\n", b"\xff 1\n"])
def test_a_stranger_is_turned_away_and_the_hosts_meet(first: Callable, line: bytes) -> None:
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    said = first(addresses, 30.0)
    with knocked(addresses[0], line) as stranger:
        assert stranger.recv(100).startswith(b"another list of hosts")
    assert met(addresses, [1], 30.0) == {1: ""}
    assert said() == ""


def test_a_host_that_dies_while_it_waits_is_awaited_again(first: Callable) -> None:
    addresses = [f"127.0.0.1:{port}" for port in free_ports(3)]
    said = first(addresses, 30.0)
    knocked(addresses[0], _greeting(Hosts(tuple(addresses), 1), 1)).close()
    assert f"nothing from host 0 ({addresses[0]})" in met(addresses, [2], 2.0)[2]
    assert met(addresses, [1, 2], 30.0) == {1: "", 2: ""}
    assert said() == ""


def test_a_host_that_died_while_it_waited_is_named(first: Callable) -> None:
    addresses = [f"127.0.0.1:{port}" for port in free_ports(3)]
    said = first(addresses, 4.0)
    knocked(addresses[0], _greeting(Hosts(tuple(addresses), 1), 1)).close()
    # The last one comes afterwards: with it all would have come, had nobody died.
    with knocked(addresses[0], _greeting(Hosts(tuple(addresses), 2), 2)):
        assert f"nothing from host 1 ({addresses[1]}). Start" in said()


def test_a_host_of_another_training_does_not_disturb_those_that_have_come(first: Callable) -> None:
    addresses = [f"127.0.0.1:{port}" for port in free_ports(3)]
    said = first(addresses, 30.0)
    with knocked(addresses[0], _greeting(Hosts(tuple(addresses), 1), 1)) as waiting:
        with knocked(addresses[0], b"lfsr_tf 0 other 1\n") as stranger:
            assert stranger.recv(100).startswith(b"another list of hosts")
        assert met(addresses, [2], 30.0) == {2: ""}
        assert waiting.recv(100) == b"go\n"
    assert said() == ""


def test_hosts_that_have_come_are_told_of_one_with_another_training(first: Callable) -> None:
    addresses = [f"127.0.0.1:{port}" for port in free_ports(3)]
    said, began = first(addresses, 60.0), time.monotonic()
    others: dict[int, str] = {}
    waiting = threading.Thread(target=lambda: others.update(met(addresses, [1], 60.0)))
    waiting.start()
    time.sleep(0.5)
    with knocked(addresses[0], b"lfsr_tf 0 other 2\n"):
        assert f"Expected host 2 ({addresses[2]})" in said()
    waiting.join()
    assert "another host has another list of hosts" in others[1]
    assert time.monotonic() < began + 30


@pytest.mark.parametrize("index", [0, 1])
def test_a_port_that_is_taken_is_named_on_its_host(index: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ports = free_ports(2)
        ports[index] = server.getsockname()[1]
        said = met([f"127.0.0.1:{port}" for port in ports], [index], 1.0)
    assert f"port {ports[index]} to be free on host {index} (127.0.0.1:{ports[index]})" in said[index]


@pytest.fixture
def begun() -> Iterator[int]:
    """Port of a gRPC server, as TensorFlow starts one when all hosts have met."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait()


def test_a_host_that_comes_alone_to_a_training_that_has_begun_is_told_so(begun: int) -> None:
    said = met([f"127.0.0.1:{begun}", f"127.0.0.1:{free_ports(1)[0]}"], [1], 20.0)
    assert "an answer of another program on its port" in said[1]
    assert "End all hosts, and start all of them again." in said[1]
    assert "\n" not in said[1]


def has_ipv6_loopback() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6_loopback(), reason="no IPv6 on this machine")
@pytest.mark.parametrize("other", ["[::1]", "[2001:db8::1]"], ids=["loopback", "all interfaces"])
def test_hosts_meet_over_ipv6(other: str) -> None:
    first, second = free_ports(2)
    assert met([f"[::1]:{first}", f"{other}:{second}"], [1, 0], 10) == {0: "", 1: ""}


def test_hosts_of_several_machines_meet_over_ipv4() -> None:
    first, second = free_ports(2)
    assert met([f"127.0.0.1:{first}", f"192.0.2.1:{second}"], [1, 0], 10) == {0: "", 1: ""}
