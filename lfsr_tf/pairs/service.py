"""A tf.data service: processes that make pairs for a training process, on its machine or on others.

    python -m lfsr_tf.pairs.service run --workers 2 -- COMMAND ARGUMENTS
    python -m lfsr_tf.pairs.service dispatcher --all-interfaces
    python -m lfsr_tf.pairs.service worker --dispatcher HOST:5050 --address OWN:5051 --all-interfaces

The training reads from `PipelineConfig(service="grpc://HOST:5050")`. It ends in one line where the
dispatcher, or every worker, has not answered for a minute (`service_watch.SILENCE_S`).

TensorFlow's servers listen on every interface and ask for no password; whoever reaches one can make it run
any graph. `run` therefore puts servers and command into a network of their own, which has a loopback
interface alone; servers outside one start only when told that they may be reached.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

from lfsr_tf.errors import ConfigError, LfsrError, first_line
from lfsr_tf.lean_import import import_tensorflow
from lfsr_tf.pairs.private_network import end_with_parent, enter_private_network
from lfsr_tf.subprocesses import module_command, module_environment

PORT = 5050
_LAST_PORT = 65535
LOOPBACK = "127.0.0.1"
_POLL_S = 0.2
Process = subprocess.Popen[bytes]


def serve_dispatcher(port: int) -> None:
    """Be the dispatcher, which hands out work, until the process is ended.

    Raises:
        ConfigError: There is no such port.
        LfsrError: The port is in use.
    """
    _check_ports(port)
    import_tensorflow()
    import tensorflow as tf

    service = tf.data.experimental.service
    with _port_in_one_line(port):
        service.DispatchServer(service.DispatcherConfig(port=port)).join()


def serve_worker(dispatcher: str, address: str) -> None:
    """Be a worker, which makes pairs, until the process is ended.

    Args:
        dispatcher: "host:port" of the dispatcher; it may start later.
        address: "host:port" at which clients reach this worker. It listens on that port.

    Raises:
        ConfigError: The address has no port, or there is no such port.
        LfsrError: The port is in use.
    """
    host, _, digits = address.rpartition(":")
    if not (host and digits.isascii() and digits.isdigit()):
        raise ConfigError(f"Expected the worker's address as host:port. Received: {address}.")
    port = int(digits)
    _check_ports(port)
    import_tensorflow()
    import tensorflow as tf

    service = tf.data.experimental.service
    config = service.WorkerConfig(
        dispatcher_address=dispatcher, worker_address=address, data_transfer_address=address, port=port
    )
    with _port_in_one_line(port):
        service.WorkerServer(config).join()


def _check_ports(first: int, count: int = 1) -> None:
    # TensorFlow cuts a larger number to 16 bits and listens there.
    if not 1 <= first <= _LAST_PORT + 1 - count:
        raise ConfigError(f"Expected a port from 1 to {_LAST_PORT + 1 - count}. Received: {first}.")


@contextlib.contextmanager
def _port_in_one_line(port: int) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise LfsrError(
            f"Expected port {port} to be free. Received: {first_line(error)}. Choose another one."
        ) from error


def run_beside_workers(command: Sequence[str], workers: int, port: int = PORT) -> int:
    """Run a command beside a dispatcher and workers, all in a network of their own.

    Args:
        command: Program and arguments; its records are made through `service="grpc://127.0.0.1:PORT"`.
        workers: Number of worker processes, at least 1.
        port: Of the dispatcher; the workers have those after it.

    Returns:
        The command's exit status.

    Raises:
        ConfigError: No workers or no such ports, or the system does not let users make such networks.
        LfsrError: A server ended before the command, which was then ended too.
    """
    if workers < 1:
        raise ConfigError(f"Expected at least 1 worker. Received: {workers}.")
    _check_ports(port, workers + 1)
    enter_private_network()
    with _ended(servers(workers, port)) as running, _ended([_start(command)]) as (program,):
        while program.poll() is None:
            if any(server.poll() is not None for server in running):
                raise LfsrError(
                    "Expected dispatcher and workers to outlive the command. Received: one that ended. Start "
                    "it again: a training run goes on where it was."
                )
            time.sleep(_POLL_S)
        return program.returncode


def servers(workers: int, port: int) -> list[Process]:
    """Start a dispatcher and workers on this machine."""
    dispatcher = ["dispatcher", "--port", str(port)]
    each = ["worker", "--dispatcher", f"{LOOPBACK}:{port}", "--address"]
    roles = [dispatcher, *([*each, f"{LOOPBACK}:{port + number + 1}"] for number in range(workers))]
    module = module_command("lfsr_tf.pairs.service")
    return [_start([*module, *role, "--all-interfaces"], module_environment()) for role in roles]


def _start(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Process:
    try:
        return subprocess.Popen(command, env=environment, preexec_fn=lambda: end_with_parent(signal.SIGTERM))
    except OSError as error:
        raise ConfigError(f"Expected a program to run. Received: {command[0]} ({error.strerror}).") from error


@contextlib.contextmanager
def _ended(processes: list[Process]) -> Iterator[list[Process]]:
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m lfsr_tf.pairs.service",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    roles = parser.add_subparsers(dest="role", required=True)
    run = roles.add_parser("run", help="dispatcher, workers and a command in a network of their own")
    run.add_argument("--workers", type=int, default=2)
    run.add_argument("command", nargs="+", help="after --")
    dispatcher = roles.add_parser("dispatcher", help="the process that hands out work")
    worker = roles.add_parser("worker", help="a process that makes pairs")
    worker.add_argument("--dispatcher", required=True, metavar="HOST:PORT")
    worker.add_argument("--address", required=True, metavar="HOST:PORT", help="where clients reach it")
    for role in (run, dispatcher):
        role.add_argument("--port", type=int, default=PORT)
    for role in (dispatcher, worker):
        role.add_argument("--all-interfaces", action="store_true", help="whoever reaches it may use it")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status."""
    options = _parsed(arguments)
    try:
        if options.role == "run":
            return run_beside_workers(options.command, options.workers, options.port)
        if not options.all_interfaces:
            raise ConfigError(
                "Expected --all-interfaces, since TensorFlow's servers listen on all of them without a "
                "password: use it behind a firewall, or `run` for one machine. Received: no such permission."
            )
        if options.role == "dispatcher":
            serve_dispatcher(options.port)
        else:
            serve_worker(options.dispatcher, options.address)
    except LfsrError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
