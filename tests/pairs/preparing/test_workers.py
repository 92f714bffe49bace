"""Preparations by workers of their own: how many they are, what they import, and scans that fail in them."""

import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.errors import ScanError
from lfsr_tf.pairs import PairsConfig, open_dataset, prepare_dataset
from tests.pairs.conftest import SMALL, contents

CONFIG = PairsConfig(**SMALL)


@pytest.mark.parametrize("mode", ["pairs", "slices"])
def test_any_number_of_workers_gives_the_same_bytes(mode, scans, request, tmp_path) -> None:
    by_one = request.getfixturevalue(f"{mode}_records")
    config = open_dataset(by_one).config
    prepare_dataset(scans.train, scans.validation, tmp_path / "two", config, workers=2)
    assert contents(tmp_path / "two") == contents(by_one)


def test_workers_import_nothing_from_the_folder_they_are_started_in(scans, tmp_path, monkeypatch) -> None:
    (tmp_path / "queue.py").write_text("raise SystemExit('imported from the working folder')")
    monkeypatch.chdir(tmp_path)
    info = prepare_dataset(scans.train, scans.validation, tmp_path / "records", CONFIG, workers=1)
    assert info.train.records


def test_a_corrupt_scan_is_named_and_the_others_are_built(scans, tmp_path) -> None:
    train = Path(shutil.copytree(scans.train, tmp_path / "train"))
    whole = (train / "sub-01_T1w.nii.gz").read_bytes()
    (train / "sub-04_T1w.nii.gz").write_bytes(whole[: len(whole) // 2])
    nib.save(nib.Nifti1Image(np.zeros((40, 40, 4), np.float32), np.eye(4)), train / "sub-05_T1w.nii.gz")
    with pytest.raises(ScanError, match=r"2 of 7 scans.*sub-04_T1w.*sub-05_T1w") as caught:
        prepare_dataset(train, scans.validation, tmp_path / "records", CONFIG, workers=2)
    assert "\n" not in str(caught.value)
    info = open_dataset(tmp_path / "records")
    assert [entry["name"] for entry in info.failed] == ["sub-04_T1w.nii.gz", "sub-05_T1w.nii.gz"]
    assert info.train.subjects == ("sub-01", "sub-02", "sub-03")
    # Told again, not forgotten.
    with pytest.raises(ScanError, match="sub-04"):
        prepare_dataset(train, scans.validation, tmp_path / "records", CONFIG, workers=1)


def test_a_script_needs_no_main_guard_and_no_tensorflow(scans, tmp_path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "import lfsr_tf as lfsr\n"
        f"config = lfsr.PairsConfig(hr_size=32, lr_patch=8, patches_per_slice=2)\n"
        f"sides = {str(scans.train)!r}, {str(scans.validation)!r}\n"
        "info = lfsr.prepare_dataset(*sides, 'records', config, workers=2)\n"
        "assert 'tensorflow' not in sys.modules\n"
        "print(info.train.records)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == open_dataset(tmp_path / "records").train.records
    assert done.stderr == ""
