"""Archives that are broken off: what is said, what is left, and what becomes of workers elsewhere."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import Result

from data_pipelines.archive import pipeline
from data_pipelines.archive.done import mark_path, record_path, tidy
from data_pipelines.archive.plan import Plan
from data_pipelines.archive.settings import ArchiveSettings, Task
from tests.data_pipelines.archive.conftest import REPOSITORY
from tests.data_pipelines.conftest import workers_of

# Whoever runs the tests in the background has their processes ignore Ctrl-C.
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from data_pipelines.archive.command import main
main()
"""
SAID = "lfsr: error: Interrupted. A rerun goes on where it was.\n"


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_broken_off_says_one_line_and_leaves_whole_results_alone(
    number: int, exported: Path, tmp_path: Path, make_phantoms: Callable[[Path, int], list[Path]]
) -> None:
    make_phantoms(tmp_path / "scans", 100)
    output = tmp_path / "out"
    words = [str(word) for word in (tmp_path / "scans", "--model", exported, "--output", output)]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        start_new_session=True,
    )
    while not list(output.glob("*/.sub-*.done.json")):  # whole ones alone
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    os.killpg(process.pid, number)  # as a terminal does
    assert process.communicate(timeout=120) == ("", SAID)
    assert process.returncode == 128 + number
    assert not workers_of(process.pid)
    left = [path.name for path in output.rglob("*") if not path.is_dir()]
    done, marked = (of_results(left, end) for end in (".done.json", ".begun"))
    assert done and not done & marked
    # Of these kinds alone, and each either finished or known to the next run as its own.
    known = [f"{name}{end}" for name in done | marked for end in (".json", ".nii.gz")]
    hidden = [f".{name}.done.json" for name in done] + [f".{name}.begun" for name in marked]
    assert set(left) <= {*known, *hidden} and {name for name in known if name[:-5] in done} <= set(left)


def of_results(names: list[str], end: str) -> set[str]:
    """The results that have hidden files with such an end."""
    return {name[1 : -len(end)] for name in names if name.startswith(".sub-") and name.endswith(end)}


def test_what_was_being_made_goes_and_what_is_made_stays(tmp_path: Path) -> None:
    begun, written, other = (tmp_path / folder / "x_sr" for folder in ("a/b", "c", "d"))
    for target in (begun, written, other):
        target.parent.mkdir(parents=True)
        mark_path(target).touch()
        target.with_name(".partial-12-x_sr").mkdir()
    written.with_name("x_sr.nii.gz").touch()  # without a record: a rerun knows by the mark that it may go
    record_path(written.with_name("y_sr")).touch()
    mark_path(written.with_name("y_sr")).touch()
    tidy(tmp_path, [begun, written, written.with_name("y_sr"), tmp_path / "e" / "x_sr"])
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if not path.is_dir()}
    assert left == {"c/x_sr.nii.gz", "c/.x_sr.begun", "c/.y_sr.done.json", "d/.x_sr.begun"}
    assert (tmp_path / "d" / ".partial-12-x_sr").exists()
    assert not (tmp_path / "a").exists()


def test_what_a_kill_left_goes_with_the_next_run_though_its_scan_fails_now(
    exported: Path,
    tmp_path: Path,
    make_phantoms: Callable[[Path, int], list[Path]],
    run_here: Callable[..., Result],
) -> None:
    (scan,) = make_phantoms(tmp_path / "scans", 1)
    scan.write_bytes(b"broken")
    folder = tmp_path / "out" / "site0"
    (folder / ".partial-12-sub-000_T2w_sr").mkdir(parents=True)
    (folder / ".sub-000_T2w_sr.begun").touch()
    assert "1 failed" in run_here(scan.parent.parent, "--model", exported, "--output", folder.parent).stdout
    left = {path.name for path in folder.parent.iterdir()}
    assert left == {"failed.csv", "scans.csv", "scans.parquet"}


@pytest.mark.parametrize("here", [True, False])
def test_a_job_elsewhere_is_called_off_and_what_it_has_in_hand_is_left_to_it(
    here: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def stop() -> None:
        raise KeyboardInterrupt

    def cancel() -> None:
        asked.append("cancel")
        raise NotImplementedError

    job = SimpleNamespace(wait_until_finish=stop, cancel=cancel)
    half_written = [tmp_path / name for name in (".partial-12-x_sr.json", ".partial-12-scans.csv")]
    for path in half_written:
        path.touch()
    settings = ArchiveSettings(tmp_path, tmp_path, tmp_path, "", driver=1 if here else None)
    monkeypatch.setattr(pipeline, "build", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        runner = SimpleNamespace(run=lambda: job)
        pipeline.run_archive(runner, Plan((Task("x.nii", "x_sr"),), ()), settings)
    assert asked == ["cancel"]
    assert [path.exists() for path in half_written] == 2 * [not here]
