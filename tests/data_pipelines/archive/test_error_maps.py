"""Maps of expected errors in an archive: known, counted, replaced and removed with their scans' results."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from data_pipelines.archive.plan import plan_archive

Run = Callable[..., Result]
MAP = "site0/sub-000_T2w_sr_error.nii.gz"


@pytest.fixture
def run(
    exported: Path, tmp_path: Path, make_phantoms: Callable[[Path, int], list[Path]], run_here: Run
) -> Run:
    """The command on two scans, with further options."""
    make_phantoms(tmp_path / "scans", 2)
    words = (tmp_path / "scans", "--model", exported, "--output", tmp_path / "out")
    return lambda *options: run_here(*words, *options)


def maps(output: Path) -> list[str]:
    """Those on disk."""
    return sorted(path.relative_to(output).as_posix() for path in output.rglob("*_error.nii.gz"))


def test_the_table_names_each_map(run: Run, tmp_path: Path) -> None:
    assert "2 enhanced now, 0 before, 0 failed" in run("--error-map").stdout
    with (tmp_path / "out" / "scans.csv").open(newline="") as stream:
        assert [row["error_map"] for row in csv.DictReader(stream)] == maps(tmp_path / "out")
    assert MAP in maps(tmp_path / "out")


def test_a_scan_whose_map_is_gone_is_enhanced_again(run: Run, tmp_path: Path) -> None:
    run("--error-map")
    assert "0 enhanced now, 2 before" in run("--error-map").stdout
    (tmp_path / "out" / MAP).unlink()
    assert "1 enhanced now, 1 before" in run("--error-map").stdout
    assert MAP in maps(tmp_path / "out")


def test_maps_come_and_go_with_the_wish_for_them(run: Run, tmp_path: Path) -> None:
    for options, count in (((), 0), (("--error-map",), 2), ((), 0)):
        assert "2 enhanced now, 0 before" in run(*options).stdout
        assert len(maps(tmp_path / "out")) == count


def test_a_map_of_somebody_else_is_not_replaced(run: Run, tmp_path: Path) -> None:
    theirs = tmp_path / "out" / MAP
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"made with care")
    result = run("--error-map")
    assert "1 enhanced now, 0 before, 1 failed" in result.stdout
    assert "which this command did not make" in str(result.exception)
    assert theirs.read_bytes() == b"made with care"


@pytest.mark.parametrize("name", ["x_sr_error.nii.gz", "x_sr_v2_error.nii.gz"])
def test_a_map_that_would_take_the_place_of_a_scan_is_refused(tmp_path: Path, name: str) -> None:
    for path in (tmp_path / "x.nii.gz", tmp_path / "enh" / name):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not looked at")
    (tmp_path / "manifest.csv").write_text(f"path\nx.nii.gz\nenh/{name}\n")
    plan = plan_archive(tmp_path / "manifest.csv", tmp_path / "enh")
    assert [task.name for task in plan.tasks] == [f"enh/{name}"]
    assert [(refused.name, name in refused.error) for refused in plan.refused] == [("x.nii.gz", True)]
