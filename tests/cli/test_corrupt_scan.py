"""One corrupt scan among a hundred, as the command line shows it."""

import re
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.pairs import open_dataset

SETTINGS = "hr_size = 32\nlr_patch = 8\npatches_per_slice = 2\nvalidation_fraction = 0.2\n"
CORRUPT = "sub-042_T1w.nii.gz"


@pytest.fixture(scope="module")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hundred")
    rng = np.random.default_rng(5)
    for number in range(100):
        voxels = rng.uniform(200, 900, (32, 32, 1)).astype(np.float32)
        nib.save(
            nib.Nifti1Image(voxels, np.diag([2.0, 2.0, 5.0, 1.0])), folder / f"sub-{number:03d}_T1w.nii.gz"
        )
    damaged = folder / CORRUPT
    damaged.write_bytes(damaged.read_bytes()[:-500])
    (folder.parent / "small.toml").write_text(SETTINGS)
    return folder


def prepare(scans: Path, output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    words = ["prepare", str(scans), "-o", str(output), "--preset", str(scans.parent / "small.toml"), *options]
    return subprocess.run([sys.executable, "-m", "lfsr_tf", *words], capture_output=True, text=True)


def test_the_others_are_built_and_it_is_named(hundred: Path, tmp_path: Path) -> None:
    done = prepare(hundred, tmp_path / "records")
    assert done.returncode != 0
    message = " ".join(done.stderr.split())
    assert "1 of 100 scans could not be used" in message
    assert CORRUPT in message and "Traceback" not in done.stderr
    info = open_dataset(tmp_path / "records")
    assert [entry["name"] for entry in info.failed] == [CORRUPT]
    assert len(info.train.subjects) + len(info.validation.subjects) == 99
    assert info.train.records + info.validation.records == 2 * 99


def test_strict_stops_at_it_and_leaves_nothing(hundred: Path, tmp_path: Path) -> None:
    done = prepare(hundred, tmp_path / "records", "--strict", "--workers", "1")
    assert done.returncode != 0
    assert re.search(rf"{CORRUPT}: Expected", " ".join(done.stderr.split()))
    assert not (tmp_path / "records").exists()
