"""The `lfsr` command and its subcommands."""

from __future__ import annotations

import atexit
import errno
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from lfsr_tf import __version__
from lfsr_tf.cli.console import console, print_error
from lfsr_tf.cli.demo import demo
from lfsr_tf.cli.enhance import enhance
from lfsr_tf.cli.evaluate import evaluate
from lfsr_tf.cli.export import export
from lfsr_tf.cli.inspect import inspect
from lfsr_tf.cli.interrupted import INTERRUPTED, Interrupted, told_to_end
from lfsr_tf.cli.models import models
from lfsr_tf.cli.prepare import prepare
from lfsr_tf.cli.serve import serve
from lfsr_tf.cli.simulate import simulate
from lfsr_tf.cli.train import train
from lfsr_tf.errors import LfsrError, ServiceError

_OF_THE_SYSTEM = errno.ENOSPC, errno.EDQUOT, errno.EACCES
_GOES_ON = "A run that can be continued goes on where it was when it is started again."


app = typer.Typer(
    name="lfsr",
    help="Sharp brain images from noisy, low-resolution low-field MR scans, and how far to trust them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _command in (demo, inspect, simulate, prepare, train, evaluate, models, enhance, export):
    app.command()(_command)
# TensorFlow Serving's options are written with underscores.
app.command(context_settings={"token_normalize_func": lambda name: name.replace("_", "-")})(serve)


def _print_version(wanted: bool) -> None:
    if wanted:
        console.print(f"lfsr_tf {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Sharp brain images from noisy, low-resolution low-field MR scans, and how far to trust them."""


def _open_closed_streams() -> None:
    """Give descriptors 0 to 2 that are closed to nobody: a file that gets one of them gets messages, too."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def main(command: Callable[[], object] = app, advice: str = _GOES_ON) -> None:
    """Run a command line: a known error is one line on standard error and exit code 1.

    Args:
        command: What runs it.
        advice: How one that was stopped goes on, in a sentence.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # Nothing is read from a keras.json, which may be meant for other programs, or lie in /tmp; where there
    # is no home, Keras would make it in the working folder.
    os.environ.setdefault("KERAS_HOME", os.devnull)
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # Names of files may hold what no terminal can show.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with told_to_end() as told:
        code = _status(command, advice, told)
    sys.exit(_checked_output(code))


def _status(command: Callable[[], object], advice: str, told: list[int]) -> Any:
    """Run a command; its exit code. Its own line has been printed where that is not 0.

    Args:
        command: As of `main`.
        advice: As of `main`.
        told: Gets the signal that it was told to end by.
    """
    try:
        command()
        return 0
    except Interrupted as stop:
        advice = str(stop)
    except KeyboardInterrupt:
        pass
    except SystemExit as end:
        # Typer makes an exit of Ctrl-C.
        if end.code != INTERRUPTED:
            return end.code
    except Exception as error:
        if isinstance(error, ServiceError):
            # As Python ends, TensorFlow would wait for pairs that nobody makes any more.
            atexit.register(_leave_at_once)
        # What is raised in the midst of TensorFlow's calls may come out of them as something else.
        if isinstance(error, LfsrError) or not told:
            print_error(_line_of(error))
            return 1
    print_error(f"Interrupted. {advice}")
    return 128 + told[0] if told else INTERRUPTED


def _leave_at_once() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(1)


def _line_of(error: Exception) -> str:
    """The line of an error of this package or of the system; any other is a fault, and is raised."""
    if isinstance(error, LfsrError):
        return str(error)
    if isinstance(error, MemoryError):
        return "Not enough memory."
    if isinstance(error, FileNotFoundError) and not _has_working_folder():
        return "The working folder has been removed. Change to another one."
    if isinstance(error, OSError) and error.errno in _OF_THE_SYSTEM:
        what = f"use {error.filename}" if error.filename else "write"
        return f"Cannot {what}: {error.strerror}. Check the rights to it and the free space."
    raise error


def _has_working_folder() -> bool:
    try:
        return Path.cwd().is_dir()
    except FileNotFoundError:
        return False


def _checked_output(code: Any) -> Any:
    """The exit code, with an error where standard output was not written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # Python would try once more when it ends, and print a traceback.
        nobody = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nobody, sys.stdout.fileno())
        os.close(nobody)
        console.unwritten = error
    if console.unwritten is None:
        return code
    done = "" if code else " All else was done."
    print_error(f"Cannot write to standard output: {console.unwritten.strerror}.{done} Check the free space.")
    return code or 1
