"""A file among untrusted scans is not run, neither by the command nor by its workers."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_a_module_that_lies_among_the_scans_is_not_imported(
    tmp_path: Path, exported: Path, make_phantoms: Callable[[Path, int], list[Path]]
) -> None:
    make_phantoms(tmp_path / "scans", 1)
    (tmp_path / "numpy.py").write_text("open('imported', 'a').close()\nraise SystemExit(7)")
    done = subprocess.run(
        [sys.executable, "-m", "data_pipelines.archive", "scans", "--model", exported, "--output", "sharp"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "imported").exists()
