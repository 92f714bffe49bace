"""The `lfsr` command itself: how it ends, and that it prints names as they are."""

import errno
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from lfsr_tf.cli import app, interrupted, quiet
from lfsr_tf.cli.console import console, print_error, print_warning, progress_bar, raise_for_failed
from lfsr_tf.cli.interrupted import Interrupted
from lfsr_tf.errors import LfsrError, OutOfMemoryError, ScanError


@pytest.mark.parametrize(
    ("raised", "status", "line"),
    [
        (KeyboardInterrupt(), 130, "Interrupted. A run that can be continued"),
        (SystemExit(130), 130, "Interrupted. A run that can be continued"),  # what Typer makes of it
        (Interrupted("Started again, it goes on."), 130, "Interrupted. Started again, it goes on."),
        (ScanError("Expected a scan.\nReceived: none."), 1, "lfsr: error: Expected a scan. Received: none."),
        (SystemExit(2), 2, ""),
        (MemoryError(), 1, "lfsr: error: Not enough memory."),
        (
            PermissionError(errno.EACCES, "Permission denied", "/a/b"),
            1,
            "Cannot use /a/b: Permission denied.",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "Cannot write: No space left"),
    ],
)
def test_every_end_has_its_status_and_at_most_one_line(
    raised: BaseException,
    status: int,
    line: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise raised

    with pytest.raises(SystemExit) as end:
        app.main(fail)
    assert end.value.code == status
    printed = capfd.readouterr().err
    assert line in printed and printed.count("\n") == bool(line)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("other", [None, ValueError("out of TensorFlow")])
def test_who_is_told_to_end_ends_as_by_ctrl_c(
    number: int, other: Exception | None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    tidied = []

    def work() -> None:
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        except KeyboardInterrupt as stop:
            raise other or stop  # noqa: B904 - the same
        finally:
            os.kill(os.getpid(), number)  # as `timeout` does
            tidied.append("all")

    # On a machine that stalls the second one would end this process.
    monkeypatch.setattr(interrupted, "_AGAIN_SECONDS", 1e9)
    before = signal.signal(number, signal.SIG_DFL)
    with pytest.raises(SystemExit) as end:
        app.main(work)
    assert signal.signal(number, before) == signal.SIG_DFL
    printed = capfd.readouterr().err
    assert (end.value.code, tidied, printed.count("\n")) == (128 + number, ["all"], 1)
    assert printed.startswith("lfsr: error: Interrupted.")


TOLD_TWICE = """
import os, signal, time
from lfsr_tf.cli.interrupted import told_to_end
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with told_to_end():
    os.kill(os.getpid(), signal.SIGHUP)
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        time.sleep(1.1)
        os.kill(os.getpid(), signal.SIGTERM)
        print("still here")
"""


def test_who_is_told_again_ends_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TOLD_TWICE], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("words", [("models",), ("--help",), ("--version",)])
def test_a_full_disk_for_what_is_printed_is_one_line(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lfsr_tf", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert re.fullmatch(r"lfsr: error: Cannot write.*: No space left on device\..*\n", done.stderr)


def test_a_batch_names_the_first_failures_only() -> None:
    with pytest.raises(LfsrError) as few:
        raise_for_failed(["a", "b"], 3, "read")
    assert str(few.value) == "2 of 3 scans could not be read: a, b. See the messages above."
    with pytest.raises(LfsrError) as many:
        raise_for_failed(range(20_000), 20_000, "read")
    assert str(many.value).endswith(": 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 19990 more. See the messages above.")


@pytest.mark.parametrize(
    "said", ["a notice", "OpenBLAS blas_thread_init: pthread_create failed for thread 1 of 2"]
)
def test_an_import_that_openblas_breaks_off_says_why(said: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), quiet._caught_stderr():
        os.write(2, said.encode())
        raise KeyboardInterrupt
    assert capfd.readouterr().err == (said if "OpenBLAS" in said else "")


@pytest.mark.parametrize(
    "raised", [ImportError("a.so: failed to map segment from shared object"), MemoryError()]
)
def test_too_little_memory_for_tensorflow_is_one_line(
    raised: Exception, capfd: pytest.CaptureFixture[str]
) -> None:
    with (
        pytest.raises(OutOfMemoryError, match=r"^Not enough memory to start TensorFlow\."),
        quiet._caught_stderr(),
        quiet._little_memory_in_one_line(),
    ):
        os.write(2, b"a notice")
        raise raised
    assert capfd.readouterr().err == ""
    with pytest.raises(ImportError), quiet._little_memory_in_one_line():
        raise ImportError("no such name")


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


def of_python(code: str, folder: Path, **variables: str | None) -> subprocess.CompletedProcess[str]:
    """A program in a folder, with some variables changed, or taken away."""
    environment = {key: value for key, value in {**os.environ, **variables}.items() if value is not None}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_settings_that_keras_finds_in_a_home_folder_change_nothing(tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    file = home / ".keras" / "keras.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"image_data_format": "channels_first", "floatx": "float16"}')
    work.mkdir()
    code = (
        "import sys; sys.argv = ['lfsr', 'models']; from lfsr_tf.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: import keras; print(keras.config.image_data_format(), keras.config.floatx())"
    )
    done = of_python(code, work, HOME=str(home), KERAS_HOME=None)
    assert done.stdout.splitlines()[-1] == "channels_last float32", done.stderr
    assert not list(work.iterdir())


def test_a_working_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    code = (
        "import os, sys; os.rmdir(os.getcwd()); sys.argv = ['lfsr', 'inspect', 'scan.nii.gz']\n"
        "from lfsr_tf.cli.app import main; main()"
    )
    done = of_python(code, tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "The working folder has been removed" in done.stderr
