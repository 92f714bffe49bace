"""`lfsr serve` ends in order whatever it is at, and whether or not anybody reads what it prints."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lfsr_tf.cli.export_process import _pass_on, export_process
from lfsr_tf.errors import LfsrError
from tests.serving.server.factor_model import save_factor_model
from tests.warm import WarmProcess, lfsr

FREE_PORTS = ("--port", "0", "--rest-api-port", "0")


def serve(scratch: Path, *words: str) -> None:
    """The command, with another place for temporary files."""
    tempfile.tempdir = str(scratch)
    # Where the tests run in the background of a script, or under nohup, these are ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    lfsr("serve", *words, *FREE_PORTS)


def serve_unread(scratch: Path, *words: str) -> None:
    """The same, where the reader of its standard output has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    sys.stdout = os.fdopen(writing, "w")
    serve(scratch, *words)


def wait_until(true: Callable[[], object], process: WarmProcess) -> None:
    deadline = time.monotonic() + 120.0
    while not true():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGINT, 130)]
)
def test_who_is_told_to_end_while_it_exports_leaves_nothing(
    number: int, status: int, run_folder: Path, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = WarmProcess(serve, scratch, str(run_folder), log=tmp_path / "log")
    wait_until(lambda: list(scratch.glob("lfsr-serve-*/lfsr/.partial-*")), process)
    os.kill(process.pid, number)
    _, printed = process.communicate(timeout=60.0)
    assert process.returncode == status, printed
    assert "Traceback" not in printed and "Ctrl+C ends it" not in printed
    assert list(scratch.iterdir()) == []


def test_an_export_is_ended_where_the_signal_comes_as_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[str]] = []
    popen = subprocess.Popen

    def start(command: list[str], **settings: Any) -> subprocess.Popen[str]:
        started.append(popen(["sleep", "60"], **settings))
        signal.raise_signal(signal.SIGINT)
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", start)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), export_process(tmp_path, tmp_path, "lfsr", "float32"):
            pytest.fail("nobody waits any more")
    finally:
        signal.signal(signal.SIGINT, before)
    assert started[0].returncode == -signal.SIGKILL


def test_who_prints_for_nobody_serves_and_ends_as_ever(tmp_path: Path) -> None:
    scratch, log = tmp_path / "scratch", tmp_path / "log"
    scratch.mkdir()
    log.touch()
    save_factor_model(tmp_path / "1", 3.0)
    process = WarmProcess(serve_unread, scratch, str(tmp_path), log=log)
    wait_until(lambda: "version 1 is ready" in log.read_text(), process)
    time.sleep(0.5)  # the addresses are printed
    assert process.poll() is None
    os.kill(process.pid, signal.SIGTERM)
    _, printed = process.communicate(timeout=60.0)
    assert (process.returncode, list(scratch.iterdir())) == (0, []), printed
    assert "Traceback" not in printed


def test_warnings_of_an_export_pass_on_even_where_nobody_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    _pass_on("a warning", code=0)
    monkeypatch.setattr(sys, "stderr", None)  # as after `2>&-`
    _pass_on("a warning", code=0)
    with pytest.raises(LfsrError, match=r"^Expected so\. Received: such\.$"):
        _pass_on("a warning\nlfsr: error: Expected so. Received: such.", code=1)
    with pytest.raises(LfsrError, match=r"exit code 3 and 'Fatal'\."):
        _pass_on("Fatal", code=3)
    with pytest.raises(LfsrError, match="its end by SIGKILL, for want of memory"):
        _pass_on("", code=-9)
