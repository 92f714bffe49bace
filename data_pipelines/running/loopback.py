"""Keeping Beam's own servers on this machine.

Beam's local runners and worker pools talk to their worker processes over gRPC, without passwords, and
listen on every network interface: whoever reaches such a port can hand pickled code to the pipeline. Here
they listen on the loopback interface alone.

`python -m data_pipelines.running.loopback MODULE ARGUMENTS` runs one of Beam's programs in this way, for
example `apache_beam.runners.worker.worker_pool_main --service_port=50000`.
"""

from __future__ import annotations

import logging
import runpy
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import grpc

LOOPBACK = "localhost"
_EVERYWHERE = "[::]:"


@contextmanager
def servers_on_loopback() -> Iterator[None]:
    """Let the gRPC servers that are made inside the block listen on the loopback interface.

    Beam tells external workers to call back the host's full name; in the block that is the loopback's.
    """
    make_server = grpc.server

    def make(*arguments: Any, **options: Any) -> grpc.Server:
        server = make_server(*arguments, **options)
        bind = server.add_insecure_port
        server.add_insecure_port = lambda address: bind(_on_loopback(address))
        return server

    with mock.patch.object(grpc, "server", make), mock.patch.object(socket, "getfqdn", lambda: LOOPBACK):
        yield


def _on_loopback(address: str) -> str:
    return address.replace(_EVERYWHERE, f"{LOOPBACK}:", 1) if address.startswith(_EVERYWHERE) else address


def main() -> None:
    """Run the module named by the first argument as a program, its servers on the loopback interface."""
    del sys.argv[0]
    logging.basicConfig()
    with servers_on_loopback():
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
