"""An export in a process of its own, which can be broken off at any moment.

TensorFlow swallows, or prints and forgets, what the handler of a signal raises within its calls, and leaves
files behind where it does not. Here the process that is told to end only waits.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from lfsr_tf.cli.console import ERROR_PREFIX, messages
from lfsr_tf.errors import LfsrError, ModelError
from lfsr_tf.signals import signals_held
from lfsr_tf.subprocesses import module_command, module_environment


@contextmanager
def export_process(model: Path, base: Path, name: str, dtype: str) -> Iterator[Callable[[], Path]]:
    """Start `lfsr export`, unchecked; at the end of the block it has ended, whatever it was at.

    Where this process is killed, it goes on to its end, and leaves its files.

    Args:
        model: What is exported: of `lfsr models`, a run folder, or a .keras file.
        base: An existing folder for the export, and for temporary files.
        name: Of the model on the server.
        dtype: What the network computes in.

    Yields:
        A function that waits for the export, passes on what it warned of, and gives the folder of the
        model's versions. It raises LfsrError with the export's own line where that failed.
    """
    with ExitStack() as ended:
        # A process that has started and that nobody knows of yet would never be ended.
        with signals_held():
            process = ended.enter_context(_start(model, base, name, dtype))
            ended.callback(process.kill)

        def finished() -> Path:
            _pass_on(process.communicate()[1], process.returncode)
            return base / name

        yield finished


def _start(model: Path, base: Path, name: str, dtype: str) -> subprocess.Popen[str]:
    options = ["--output", str(base), "--name", name, "--dtype", dtype, "--no-check"]
    return subprocess.Popen(
        [*module_command("lfsr_tf"), "export", *options, "--", str(model)],
        env={**module_environment(), "TMPDIR": str(base)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
        # Ctrl+C is for the process that waits.
        start_new_session=True,
    )


def _pass_on(said: str, code: int) -> None:
    """Print what an export wrote, but for the line in which it failed, which is raised."""
    lines = said.strip().splitlines()
    last = lines.pop() if code and lines else ""
    for line in lines:
        with suppress(OSError, SystemExit):  # whoever read it may have gone
            messages.print(line, soft_wrap=True, markup=False)
    if code:
        raise _failure(code, last)


def _failure(code: int, last: str) -> LfsrError:
    """What an export that failed wrote last: its line of an error, or the end of a crash."""
    if last.startswith(ERROR_PREFIX):
        return LfsrError(last.removeprefix(ERROR_PREFIX))
    how = f"exit code {code}" if code > 0 else f"its end by {signal.Signals(-code).name}, for want of memory?"
    return ModelError(
        f"Expected an export of the model. Received: {how}{f' and {last!r}' if last else ''}. Try "
        "`lfsr export`."
    )
