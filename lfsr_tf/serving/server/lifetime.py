"""The life of a server's process: told to end, it ends in order, and leaves no files behind."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lfsr_tf.errors import ModelError, OutputError
from lfsr_tf.serving.server.log_lines import Seldom, in_one_line
from lfsr_tf.signals import ENDING

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from lfsr_tf.serving.server.model_server import ModelServer

# Threads that have nothing more to do need milliseconds to end.
_THREAD_SECONDS = 1.0


@contextmanager
def handled(handler: Any, *signals: signal.Signals) -> Iterator[None]:
    """Have `handler` answer signals while the block runs, but for a SIGHUP that is ignored, as by nohup."""
    deaf = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    heard = [each for each in signals if not (deaf and each == signal.SIGHUP)]
    before = {each: signal.signal(each, handler) for each in heard}
    try:
        yield
    finally:
        for each, earlier in before.items():
            signal.signal(each, earlier)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for this process's files, which nobody else can read, removed at the end of the block.

    It is locked, so that systemd's cleaner of temporary files leaves it alone, however old it is.

    SIGTERM and SIGHUP end the block with SystemExit, as Ctrl+C does with KeyboardInterrupt, unless the block
    answers them in another way.

    Raises:
        OutputError: There is no place for it.
    """
    told: list[BaseException] = []

    def tell(number: int, frame: object) -> None:
        told.append(KeyboardInterrupt() if number == signal.SIGINT else SystemExit())
        raise told[0]

    with handled(tell, *ENDING):
        folder = _made()
        try:
            with _locked(folder):
                yield Path(folder)
        except Exception as error:
            # What is raised in the midst of TensorFlow's calls may come out of them as something else.
            if told:
                raise told[0] from error
            raise
        finally:
            with handled(signal.SIG_IGN, *ENDING):
                # A thread that is left behind may still write there.
                shutil.rmtree(folder, ignore_errors=True)


def _made() -> str:
    try:
        return tempfile.mkdtemp(prefix="lfsr-serve-")
    except OSError as error:
        raise OutputError(
            f"Expected a place for temporary files. Received: {error.strerror}. Set TMPDIR to a folder that "
            "can be written to."
        ) from error


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # not every file system has locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def run_until_told(
    server: ModelServer,
    pages: Sequence[BaseRoute],
    *,
    loading: AbstractContextManager[object],
    ready: Callable[[], None],
    ending: Callable[[], None],
) -> None:
    """Run a server until one of `ENDING`, which is waited for: nothing under way is broken off by it.

    Args:
        server: Not started yet.
        pages: Routes beside the API's.
        loading: Is entered while the models are loaded and warmed up; told to end then, the load is given up.
        ready: Called once the server answers.
        ending: Called once it is told to end, before it finishes what is under way.

    Raises:
        LfsrError: As of `ModelServer.start`.
    """
    told = threading.Event()

    def tell(number: int, frame: object) -> None:
        told.set()
        server.service.store.stop_loading()

    with handled(tell, *ENDING):
        try:
            with loading:
                server.start(pages)
        except ModelError:
            if told.is_set():
                return  # the load was given up
            raise
        try:
            ready()
            told.wait()
            ending()
        finally:
            server.stop()


def log_to_stderr() -> None:
    """One line an event, for whoever keeps the log."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("lfsr_tf", "uvicorn", "grpc", "asyncio"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO if name == "lfsr_tf" else logging.WARNING)
        logger.propagate = False
    # It tries without end to accept connections, and complains as often where there are too many open files.
    for each in (in_one_line, Seldom()):
        logging.getLogger("asyncio").addFilter(each)
    # Its notices are for those who write TensorFlow programs.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def end_for_sure(code: int, before: set[threading.Thread]) -> None:
    """Leave at once where the server left a thread behind: Python would wait for it, for ever if need be.

    Args:
        code: Exit code of the process.
        before: The threads that there were before the server.
    """
    left, end = set(threading.enumerate()) - before, time.monotonic() + _THREAD_SECONDS
    for thread in left:
        thread.join(max(0.0, end - time.monotonic()))
    if any(thread.is_alive() for thread in left):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # nobody reads it any more
                stream.flush()
        os._exit(code)
