"""The `lfsr` command and its subcommands."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from lfsr_tf import __version__
from lfsr_tf.cli.console import console, print_error
from lfsr_tf.cli.demo import demo
from lfsr_tf.cli.enhance import enhance
from lfsr_tf.cli.evaluate import evaluate
from lfsr_tf.cli.export import export
from lfsr_tf.cli.inspect import inspect
from lfsr_tf.cli.interrupted import INTERRUPTED, Interrupted
from lfsr_tf.cli.models import models
from lfsr_tf.cli.prepare import prepare
from lfsr_tf.cli.serve import serve
from lfsr_tf.cli.simulate import simulate
from lfsr_tf.cli.train import train
from lfsr_tf.errors import LfsrError

app = typer.Typer(
    name="lfsr",
    help="Sharp brain images from noisy, low-resolution low-field MR scans, and how far to trust them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _command in (demo, inspect, simulate, prepare, train, evaluate, models, enhance, export, serve):
    app.command()(_command)


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


def main() -> None:
    """Run the command line: a known error is one line on standard error and exit code 1."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # Names of files may hold what no terminal can show.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except LfsrError as error:
        print_error(str(error))
        sys.exit(1)
    except Interrupted as stop:
        print_error(f"Interrupted. {stop}")
        sys.exit(INTERRUPTED)
    except (KeyboardInterrupt, SystemExit) as end:
        # Typer makes an exit of Ctrl-C.
        if isinstance(end, SystemExit) and end.code != INTERRUPTED:
            raise
        print_error("Interrupted. A run that can be continued goes on where it was when it is started again.")
        sys.exit(INTERRUPTED)
