"""The `lfsr` command itself: how it ends, and that it prints names as they are."""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from lfsr_tf.cli import app, quiet
from lfsr_tf.cli.console import console, print_error, print_warning, progress_bar
from lfsr_tf.cli.interrupted import Interrupted
from lfsr_tf.errors import ScanError


@pytest.mark.parametrize(
    ("raised", "status", "line"),
    [
        (KeyboardInterrupt(), 130, "Interrupted. A run that can be continued"),
        (SystemExit(130), 130, "Interrupted. A run that can be continued"),  # what Typer makes of it
        (Interrupted("Started again, it goes on."), 130, "Interrupted. Started again, it goes on."),
        (ScanError("Expected a scan.\nReceived: none."), 1, "lfsr: error: Expected a scan. Received: none."),
        (SystemExit(2), 2, ""),
    ],
)
def test_every_end_has_its_status_and_at_most_one_line(
    raised: BaseException,
    status: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise raised

    monkeypatch.setattr(app, "app", fail)
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == status
    printed = capfd.readouterr().err
    assert line in printed and printed.count("\n") == bool(line)


OPENED = """
import os
from lfsr_tf.cli.app import _open_closed_streams
_open_closed_streams()
print(*(os.readlink(f"/proc/self/fd/{number}") for number in (0, 2)))
assert os.open(os.devnull, os.O_RDONLY) > 2 and os.get_inheritable(2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_file_takes_the_place_of_a_closed_stream() -> None:
    command = ["bash", "-c", '"$0" -c "$1" <&- 2>&-', sys.executable, OPENED]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "/dev/null /dev/null\n"


def test_tensorflow_starts_without_a_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with quiet._caught_stderr():
        pass


def test_tensorflow_starts_without_a_place_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with quiet._caught_stderr():
        pass


STRANGE = "a\x1b[31m\x9b2J\x07\rb\u202e\udcfc"
SHOWN = "a�[31m�2J� b��"


def test_orders_for_a_terminal_are_printed_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    print_error(f"nl\n{STRANGE}: Expected a scan.")
    print_warning(STRANGE)
    table = Table(STRANGE, title=STRANGE)
    table.add_row(STRANGE)
    console.print(table)
    console.print(f"{STRANGE}\n{STRANGE}", markup=False, soft_wrap=True)
    printed = capfd.readouterr()
    assert printed.err == f"lfsr: error: nl {SHOWN}: Expected a scan.\nlfsr: warning: {SHOWN}\n"
    assert printed.out.count(SHOWN) == 5 and printed.out.endswith(f"\n{SHOWN} {SHOWN}\n")
    assert printed.out.replace("\n", "").isprintable()


def test_nor_by_a_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Console(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr("lfsr_tf.cli.console.messages", shown)
    with progress_bar(f"{STRANGE}[/b]", 1) as advance:
        advance(1)
    assert f"{SHOWN}[/b]" in shown.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["two  spaces.nii", "Müller\u202f3\u3000脳.nii"])
def test_a_path_in_an_error_can_be_copied(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    print_error(f"Expected a scan. Received: {name}.")
    assert name in capfd.readouterr().err


def test_names_are_printed_as_they_are() -> None:
    with console.capture() as captured:
        console.print("scan:brain:[b].nii.gz", markup=False)
    assert captured.get() == "scan:brain:[b].nii.gz\n"
