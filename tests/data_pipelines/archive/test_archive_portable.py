"""The archive on Beam's portable job service, with worker processes that only share the file system."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data_pipelines.archive.command import app
from tests.data_pipelines.portable_runner import portable_service


@pytest.mark.slow
def test_a_portable_runner_gives_the_same_files(
    exported: Path,
    tmp_path: Path,
    make_phantoms: Callable[[Path, int], list[Path]],
    run_here: Callable[..., object],
    hashes_below: Callable[[Path], dict[str, str]],
) -> None:
    paths = make_phantoms(tmp_path / "scans", 12)
    paths[0].write_bytes(b"broken")
    words = (tmp_path / "scans", "--model", exported, "--output")
    with portable_service(workers=2) as options:
        arguments = [*map(str, words), str(tmp_path / "portable"), *options]
        result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert "12 scans: 11 enhanced now, 0 before, 1 failed" in result.stdout, result.exception
    assert "1 of 12 scans could not be used" in str(result.exception)
    run_here(*words, tmp_path / "here")
    assert hashes_below(tmp_path / "portable") == hashes_below(tmp_path / "here")
