"""Python's commands in a shell, without the seconds that importing TensorFlow takes for each of them.

    with warm_commands(folder, ("lfsr", "python")) as programs:
        run_shell("lfsr inspect scan.nii.gz", place, PATH=f"{programs}:{os.environ['PATH']}")

A server imports packages of others once; nothing of this package, so that a program imports what it uses
itself. What stands in `programs` asks the server for a copy of it that runs the command, with the folder, the
environment, the standard streams, the signals and the exit code of the one that asked.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

REPOSITORY = Path(__file__).resolve().parent.parent
SECONDS_TO_START = 180
PRELOADED = ("scipy.ndimage", "scipy.stats", "nibabel", "matplotlib.pyplot", "skimage.metrics")
BYTES = 2**20
# The server ends the command where this program is killed: it sees the connection close.
PROGRAM = """#!{python} -IS
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
    server.connect({address!r})
    request = json.dumps([sys.argv, os.getcwd(), dict(os.environ)])
    socket.send_fds(server, [request.encode()], [0, 1, 2])
    command = int(server.recv(32))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: os.kill(command, number))
    status = int(server.recv(32))
sys.exit(status if status >= 0 else 128 - status)
"""


@contextmanager
def warm_commands(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """Start the server; it ends with the block, or with this process.

    Args:
        folder: An empty folder with a short path.
        names: `python` and programs beside it.

    Yields:
        A folder with programs of these names, to stand first on a PATH.

    Raises:
        RuntimeError: The server does not start; with what it wrote.
    """
    address, log, programs = folder / "socket", folder / "server.log", folder / "bin"
    programs.mkdir()
    for name in names:
        (programs / name).write_text(PROGRAM.format(python=sys.executable, address=str(address)))
        (programs / name).chmod(0o755)
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(address)],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=stream,
            cwd=REPOSITORY,
            start_new_session=True,
        )
    with process:
        _wait_for(address, process, log)
        yield programs


def _wait_for(address: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while not address.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"The server did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)


def main() -> None:
    """Be the server, and in its copies the command that was asked for."""
    _import_packages()
    words, folder, environment = _next_command(sys.argv[1])
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    _run(Path(words[0]).name, words[1:])


def _import_packages() -> None:
    """Import what takes long, as the programs of the package do, and forget the package again."""
    importlib.import_module("lfsr_tf.lean_import").import_tensorflow()
    for name in PRELOADED:
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("lfsr_tf", "tests")]:
        del sys.modules[name]


def _next_command(address: str) -> tuple[list[str], str, dict[str, str]]:
    """Serve, until standard input is closed; only the copies that are to run a command return from here."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(f"{address}.new")
        server.listen()
        # It is there once it listens.
        Path(f"{address}.new").rename(address)
        while True:
            if sys.stdin in select.select([server, sys.stdin], [], [])[0]:
                sys.exit()
            connection, _ = server.accept()
            with connection:
                if os.fork() == 0:
                    server.close()
                    return _accepted(connection)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _accepted(connection: socket.socket) -> tuple[list[str], str, dict[str, str]]:
    """The command that is asked for, in a copy that is to run it; its parent looks after it."""
    request, files, *_ = socket.recv_fds(connection, BYTES, 3)
    command = os.fork()
    if command:
        for file in files:
            os.close(file)
        _keep(command, connection)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    # Those of the server know what its own streams were.
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    words, folder, environment = json.loads(request)
    return words, folder, environment


def _keep(command: int, connection: socket.socket) -> NoReturn:
    """Tell the asking program how the command ends, and end it where that program is gone."""
    with suppress(OSError):
        connection.send(str(command).encode())
        select.select([os.pidfd_open(command), connection], [], [])
    os.kill(command, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    with suppress(OSError):
        connection.send(str(status).encode())
    os._exit(0)


def _run(program: str, words: list[str]) -> None:
    """What Python does with these words, or a script beside it."""
    if program != "python":
        words = [str(Path(sys.executable).with_name(program)), *words]
    if words[0] == "-c":
        os.execv(sys.executable, [sys.executable, *words])
    if words[0] == "-m":
        sys.path[0], sys.argv = str(Path.cwd()), words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.path[0], sys.argv = str(Path(words[0]).resolve().parent), words
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    main()
