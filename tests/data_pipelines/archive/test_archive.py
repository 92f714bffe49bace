"""An archive of 200 scans, 5 of them broken in 5 ways: run, repaired, killed, run again."""

import csv
import gzip
import json
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import Result

from lfsr_tf.errors import LfsrError
from tests.data_pipelines.archive.conftest import phantoms, start

SCANS = 200
Hashes = Callable[[Path], dict[str, str]]
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scans; the broken ones are the first five."""
    folder = tmp_path_factory.mktemp("archive") / "scans"
    paths = phantoms(folder, SCANS)
    whole = gzip.decompress(paths[0].read_bytes())
    paths[0].write_bytes(gzip.compress(whole[: len(whole) // 2]))
    save(np.full((32, 32, 4), np.nan, np.float32), paths[1])
    save(np.ones((8, 8, 4), np.float32) * np.arange(8, dtype=np.float32)[:, None, None], paths[2])
    paths[3].unlink()
    paths[3].with_name("sub-003_T2w.h5").write_text("no HDF5")
    elsewhere = folder.parent / "elsewhere.nii.gz"
    shutil.move(paths[4], elsewhere)
    paths[4].symlink_to(elsewhere)
    return folder


@pytest.fixture(scope="module")
def undisturbed(
    archive: Path, exported: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str, str]:
    """The output of one run from begin to end on worker processes, and what the command said."""
    output = tmp_path_factory.mktemp("output") / "enhanced"
    process = start(archive, "--model", exported, "--output", output)
    said, complained = process.communicate(timeout=300)
    assert process.returncode == 1, complained
    return output, said, complained


def save(voxels: np.ndarray, path: Path) -> None:
    nib.save(nib.Nifti1Image(voxels, np.diag([2, 2, 5, 1])), path)


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_what_can_be_used_is_enhanced_and_what_cannot_is_named(undisturbed: tuple[Path, str, str]) -> None:
    output, said, complained = undisturbed
    assert "200 scans: 195 enhanced now, 0 before, 5 failed" in said
    assert len(list(output.rglob("*_sr.nii.gz"))) == len(lines(output / "scans.csv")) == 195
    errors = {line["source"]: line["error"] for line in lines(output / "failed.csv")}
    assert {name: reason(error) for name, error in errors.items()} == {
        "site0/sub-000_T2w.nii.gz": "truncated",
        "site0/sub-001_T2w.nii.gz": "NaN",
        "site0/sub-002_T2w.nii.gz": "8 x 8",
        "site0/sub-003_T2w.h5": "HDF5",
        "site0/sub-004_T2w.nii.gz": "leads out",
    }
    (complaint,) = [line for line in complained.splitlines() if "error:" in line]
    assert "5 of 200 scans could not be used" in complaint
    assert str(output / "failed.csv") in complaint


def reason(error: str) -> str:
    """The word that tells the five errors apart."""
    words = re.findall("truncated|NaN|8 x 8|HDF5|leads out", error)
    return words[0] if words else error


@pytest.mark.slow
def test_the_table_holds_the_figures_of_the_sidecars(undisturbed: tuple[Path, str, str]) -> None:
    output = undisturbed[0]
    rows = pq.read_table(output / "scans.parquet").to_pylist()
    assert [row["source"] for row in rows] == sorted(row["source"] for row in rows)
    for row, line in zip(rows, lines(output / "scans.csv"), strict=True):
        sidecar = json.loads((output / row["output"].replace(".nii.gz", ".json")).read_text())
        (volume,) = sidecar["volumes"]
        assert row["sha256"] == sidecar["input"]["sha256"][Path(row["source"]).name]
        place = Path(row["source"]).parent / volume["output"]
        figures = flat(volume) | {"warnings": " ".join(volume["warnings"]), "output": str(place)}
        for name in set(row) - {"source", "sha256", "volume"}:
            # A range that is not known is null as a whole.
            assert name in figures or figures[name.rpartition(".")[0]] is None, name
            assert row[name] == figures.get(name), name
        assert line == {name: "" if value is None else str(value) for name, value in row.items()}


def flat(value: object, name: str = "") -> dict[str, object]:
    """Nested lists and objects of JSON as one object with dots in its names."""
    if not isinstance(value, dict | list):
        return {name: value}
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return {
        deeper: figure
        for key, inner in items
        for deeper, figure in flat(inner, f"{name}.{key}".strip(".")).items()
    }


def done_in(output: Path) -> list[Path]:
    """What a run says is done; a kill may leave a note half-written, under its temporary name."""
    return [path for path in output.glob("*/.*.done.json") if not path.name.startswith(".partial-")]


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_files(
    undisturbed: tuple[Path, str, str],
    archive: Path,
    exported: Path,
    tmp_path: Path,
    run_here: Run,
    hashes_below: Hashes,
) -> None:
    output = tmp_path / "enhanced"
    process = start(archive, "--model", exported, "--output", output)
    while len(done_in(output)) < 20:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)  # the pipes end with the last worker
    before = len(done_in(output))
    assert 20 <= before < 195
    assert not (output / "scans.csv").exists()
    half_written = output / "site9" / ".partial-123-sub-199_T2w_sr.nii.gz"
    half_written.parent.mkdir(exist_ok=True)
    half_written.write_bytes(b"half")
    result = run_here(archive, "--model", exported, "--output", output)
    assert f"{195 - before} enhanced now, {before} before, 5 failed" in result.stdout
    assert hashes_below(output) == hashes_below(undisturbed[0])


@pytest.mark.slow
def test_a_rerun_does_what_is_missing_and_nothing_else(
    undisturbed: tuple[Path, str, str], archive: Path, exported: Path, tmp_path: Path, run_here: Run
) -> None:
    scans, output = tmp_path / "scans", tmp_path / "enhanced"
    shutil.copytree(archive, scans, symlinks=True)
    shutil.copytree(undisturbed[0], output)
    gone = [output / f"site5/sub-{number}_T2w_sr.nii.gz" for number in (101, 107, 113)]
    for path in gone:
        path.unlink()
    shutil.copy(scans / "site5/sub-100_T2w.nii.gz", scans / "site0/sub-001_T2w.nii.gz")
    before = identities(output)
    result = run_here(scans, "--model", exported, "--output", output)
    assert "200 scans: 4 enhanced now, 192 before, 4 failed" in result.stdout
    assert isinstance(result.exception, LfsrError)
    changed = {path for path, identity in identities(output).items() if before.get(path) != identity}
    repaired = output / "site0/sub-001_T2w_sr.nii.gz"
    made = {*gone, repaired}
    assert changed == made | {Path(str(path).replace(".nii.gz", ".json")) for path in made}
    assert repaired.read_bytes() == (output / "site5/sub-100_T2w_sr.nii.gz").read_bytes()


def identities(output: Path) -> dict[Path, tuple[int, int]]:
    """Inode and time of every result and sidecar: those of a file that was written again are others."""
    return {
        path: (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in output.rglob("*_sr.*")
        if not path.name.startswith(".")
    }
