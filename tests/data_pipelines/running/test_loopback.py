import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import grpc

from data_pipelines.running.loopback import servers_on_loopback

# Reached by a server that listens everywhere, not by one that listens on 127.0.0.1 alone.
ANOTHER_ADDRESS = "127.0.0.2"


def answering_addresses() -> set[str]:
    """Where a server answers that was asked to listen everywhere, as Beam's are."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("[::]:0")
    server.start()
    answering = set()
    for address in ("127.0.0.1", ANOTHER_ADDRESS):
        with closing(socket.socket()) as probe:
            if probe.connect_ex((address, port)) == 0:
                answering.add(address)
    server.stop(0).wait()
    return answering


def test_servers_made_inside_listen_on_the_loopback_address_alone() -> None:
    assert answering_addresses() == {"127.0.0.1", ANOTHER_ADDRESS}
    with servers_on_loopback():
        assert answering_addresses() == {"127.0.0.1"}
    assert answering_addresses() == {"127.0.0.1", ANOTHER_ADDRESS}


def test_another_address_is_left_as_it_is() -> None:
    with servers_on_loopback():
        server = grpc.server(ThreadPoolExecutor(1))
        port = server.add_insecure_port(f"{ANOTHER_ADDRESS}:0")
        server.start()
        with closing(socket.socket()) as probe:
            assert probe.connect_ex((ANOTHER_ADDRESS, port)) == 0
        server.stop(0).wait()
