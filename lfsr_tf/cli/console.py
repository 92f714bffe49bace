"""What the command line prints: one console for results, one for progress and errors, one look for both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from lfsr_tf.errors import LfsrError, printable_line


class _PrintableConsole(Console):
    """A console on which no name of a file and no header gives orders to the terminal."""

    def render_str(self, text: str, **settings: Any) -> Text:
        # Rich passes whatever is printed through here, titles and cells of tables too.
        return super().render_str(printable_line(text), **settings)


class _ResultsConsole(_PrintableConsole):
    """A console whose full disk ends no work: `unwritten` is told at the end, and nothing more is printed."""

    unwritten: OSError | None = None

    def print(self, *objects: Any, **settings: Any) -> None:
        try:
            super().print(*objects, **settings)
        except OSError as error:
            self.unwritten = error
            self.quiet = True


# Results go to standard output, so that they can be piped; everything else goes to standard error.
# Names of files are printed as they are: `:brain:` in one is no picture.
console = _ResultsConsole(highlight=False, emoji=False)
messages = _PrintableConsole(stderr=True, highlight=False, emoji=False)

Advance = Callable[[int], None]

ERROR_PREFIX = "lfsr: error: "
_NAMED = 10


def new_progress(*, transient: bool) -> Progress:
    """A display of progress bars on standard error, one look for every command; none where that is a file.

    Args:
        transient: Take the bars away at the end.
    """
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=messages,
        transient=transient,
        disable=not messages.is_terminal,
    )


@contextmanager
def progress_bar(description: str, total: int | None) -> Iterator[Advance]:
    """Show a progress bar on standard error while the block runs.

    Args:
        description: What is going on, two or three words.
        total: Number of steps, or None when it is not known.

    Yields:
        A function that advances the bar by a number of steps.
    """
    with new_progress(transient=False) as progress:
        task = progress.add_task(escape(printable_line(description)), total=total)

        def advance(steps: int) -> None:
            progress.advance(task, steps)

        yield advance


def print_error(message: str) -> None:
    """Print one line, `lfsr: error: ...`, to standard error."""
    _print_line(f"{ERROR_PREFIX}{message}", "bold red")


def print_warning(message: str) -> None:
    """Print one line, `lfsr: warning: ...`, to standard error."""
    _print_line(f"lfsr: warning: {message}", "yellow")


def raise_for_failed(failed: Sequence[object], count: int, done: str) -> None:
    """End a command by naming the first scans that failed, each of which has had its own message.

    Args:
        failed: Their names.
        count: Of all scans.
        done: What could not be done, such as "enhanced".

    Raises:
        LfsrError: A scan has failed.
    """
    if failed:
        names = ", ".join(map(str, failed[:_NAMED]))
        if len(failed) > _NAMED:
            names += f" and {len(failed) - _NAMED} more"
        raise LfsrError(
            f"{len(failed)} of {count} scans could not be {done}: {names}. See the messages above."
        )


def _print_line(message: str, style: str) -> None:
    # Where the log's disk is full, the work goes on.
    with suppress(OSError):
        messages.print(message, markup=False, soft_wrap=True, style=style)
