import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pytest
from typer.testing import Result

from lfsr_tf.cli.console import console
from lfsr_tf.cli.inspect import inspect
from lfsr_tf.errors import LfsrError

Run = Callable[..., Result]
MakeScan = Callable[..., Path]


def test_a_scan_is_described_for_people(run_command: Run, small_scan: MakeScan) -> None:
    result = run_command(inspect, small_scan())
    assert result.exit_code == 0, result.output
    for fact in (
        "40 x 36 x 3",
        "2.000 x 2.000 x 5.000 mm",
        "RAS",
        "3 axial",
        "T2w",
        "sub-01",
        "sigma",
        "not in the file",
    ):
        assert fact in result.stdout


def test_and_for_machines(run_command: Run, small_scan: MakeScan) -> None:
    result = run_command(inspect, small_scan(), "--json")
    (facts,) = json.loads(result.stdout)
    assert (facts["matrix"], facts["contrast"], facts["volume"]) == ([40, 36, 3], "T2w", 1)
    assert abs(facts["sigma"] - 2.0) < 0.3


def test_the_volumes_of_a_series_are_told_apart(run_command: Run, tmp_path: Path) -> None:
    series = np.random.default_rng(0).random((20, 20, 3, 2)).astype(np.float32)
    nib.save(nib.Nifti1Image(series, np.diag([1, 1, 5, 1])), tmp_path / "series.nii.gz")
    result = run_command(inspect, tmp_path / "series.nii.gz", "--json")
    assert [facts["volume"] for facts in json.loads(result.stdout)] == [1, 2]
    assert "volume 2" in run_command(inspect, tmp_path / "series.nii.gz").stdout


def test_an_empty_rim_is_warned_of(run_command: Run, shared_data: Path) -> None:
    result = run_command(inspect, shared_data / "lowfield_dev" / "hkuF6A_LF055T_T2.nii.gz")
    warning = " ".join(result.stderr.split())
    assert "empty rim" in warning
    assert "--acquired-matrix 126x128" in warning


def test_what_cannot_be_read_is_listed_after_the_others(
    run_command: Run, small_scan: MakeScan, tmp_path: Path
) -> None:
    (tmp_path / "bad.nii.gz").write_text("no scan")
    result = run_command(inspect, tmp_path / "bad.nii.gz", small_scan(), tmp_path / "missing.nii", "--json")
    assert isinstance(result.exception, LfsrError)
    assert "2 of 3 scans" in str(result.exception)
    assert len(json.loads(result.stdout)) == 1


def test_a_folder_without_scans_is_refused(run_command: Run, tmp_path: Path) -> None:
    assert isinstance(run_command(inspect, tmp_path).exception, LfsrError)


def test_names_are_not_taken_for_markup(run_command: Run, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "scan[old].h5", "w") as file:
        rows = np.random.default_rng(0).normal(size=(2, 1, 32, 32, 2)) @ [1, 1j]
        file["kspace"] = rows.astype(np.complex64)
        file.attrs["patient_id"] = "x[/b]"
    result = run_command(inspect, tmp_path / "scan[old].h5")
    assert result.exit_code == 0, result.exception
    assert "x[/b]" in result.stdout and "scan[old].h5" in "".join(result.stdout.split())


def test_no_name_writes_a_line_of_its_own(
    run_command: Run, small_scan: MakeScan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_width", 500)  # a narrow table breaks lines anywhere
    scan = small_scan()
    scan = scan.rename(scan.with_name(f"nl\nlfsr: error: fake_{scan.name}"))
    result = run_command(inspect, scan)
    assert result.exit_code == 0, result.exception
    assert not [line for line in result.stdout.splitlines() if line.startswith("lfsr: error")]


def test_an_impossible_name_is_one_line(run_command: Run, small_scan: MakeScan) -> None:
    result = run_command(inspect, small_scan(), "x" * 300 + ".nii.gz", "--json")
    assert isinstance(result.exception, LfsrError) and "1 of 2 scans" in str(result.exception)


def test_a_name_that_is_no_utf8_is_shown_all_the_same(small_scan: MakeScan, tmp_path: Path) -> None:
    scan = small_scan()
    odd = os.fsencode(tmp_path) + b"/M\xfcller.nii.gz"
    os.rename(scan, odd)  # noqa: PTH104 - bytes
    command = [sys.executable, "-m", "lfsr_tf", "inspect", odd]
    done = subprocess.run(command, capture_output=True, env=os.environ | {"PYTHONUTF8": "1"})
    assert done.returncode == 0, done.stderr
    assert b"40 x 36 x 3" in done.stdout


def test_a_scan_that_is_named_twice_is_described_once(run_command: Run, small_scan: MakeScan) -> None:
    scan = small_scan()
    result = run_command(inspect, scan, scan.parent / "." / scan.name, "--json")
    assert len(json.loads(result.stdout)) == 1
