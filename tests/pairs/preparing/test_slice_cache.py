import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.errors import ScanError
from lfsr_tf.pairs import PairsConfig
from lfsr_tf.pairs.preparing import slice_cache
from lfsr_tf.pairs.preparing.listing import hash_scan
from lfsr_tf.pairs.preparing.slice_cache import cache_scan
from lfsr_tf.pairs.preparing.sources import Source
from lfsr_tf.pairs.preparing.workspace import array_path, index_path
from lfsr_tf.scans import Scan, read_volumes
from lfsr_tf.storage import read_json

SMALL = PairsConfig(hr_size=32, lr_patch=8)


def source(path: Path, **labels: str) -> Source:
    return Source(path.name, str(path), sha256=hash_scan(path), **labels)


def test_a_cached_scan_has_an_array_and_an_index_for_each_volume(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    series = rng.uniform(50, 100, (40, 40, 3, 2)).astype(np.float32)
    nib.save(nib.Nifti1Image(series, np.diag([1.0, 1.0, 4.0, 1.0])), tmp_path / "sub-1_T2w.nii.gz")
    index = cache_scan(tmp_path, 7, source(tmp_path / "sub-1_T2w.nii.gz"), SMALL)
    assert read_json(index_path(tmp_path, 7)) == index
    assert len(index["volumes"]) == 2
    for number, volume in enumerate(index["volumes"]):
        images = np.load(array_path(tmp_path, 7, number))
        assert images.shape == (3, 32, 32) and images.dtype == np.float16
        assert volume["slices"] == [0, 1, 2] and min(volume["capacity"]) == 81
        assert (volume["subject"], volume["contrast"]) == ("sub-1", "T2w")


def test_a_manifest_knows_subject_and_contrast_better_than_the_file(tmp_path: Path, scans) -> None:
    scan = scans.train / "sub-01_T1w.nii.gz"
    index = cache_scan(tmp_path, 0, source(scan, subject="P7", contrast="PD"), SMALL)
    assert {(volume["subject"], volume["contrast"]) for volume in index["volumes"]} == {("P7", "PD")}


def test_a_scan_without_head_in_the_chosen_plane_is_refused(tmp_path: Path, scans) -> None:
    config = PairsConfig(hr_size=32, lr_patch=8, min_head_fraction=0.99)
    with pytest.raises(ScanError, match="99% head"):
        cache_scan(tmp_path, 0, source(scans.train / "sub-01_T1w.nii.gz"), config)
    assert not index_path(tmp_path, 0).exists()


def test_real_dicom_and_kspace_become_slices(tmp_path: Path, shared_data: Path) -> None:
    config = PairsConfig(hr_size=64, lr_patch=8)
    for name in ("dicom_datalad_T1_axial", "brain8ch_fastmri_layout.h5"):
        index = cache_scan(tmp_path, 0, source(shared_data / "readers" / name), config)
        assert all(volume["hr_size"] == 64 and volume["slices"] for volume in index["volumes"])


# The smaller one fits, but what rings beside it in LR may not.
@pytest.mark.parametrize("outlier", [1e9, 200.0 * 60_000])
def test_an_outlier_that_float16_cannot_hold_is_refused(tmp_path: Path, outlier: float) -> None:
    voxels = np.full((32, 32, 8), 200.0, np.float32)
    voxels[16, 16, 1] = outlier
    nib.save(nib.Nifti1Image(voxels, np.diag([1.0, 1.0, 4.0, 1.0])), tmp_path / "sub-1_T2w.nii.gz")
    with pytest.raises(ScanError, match="Remove the outlier"):
        cache_scan(tmp_path, 0, source(tmp_path / "sub-1_T2w.nii.gz"), SMALL)


@pytest.mark.parametrize("moment", ["before it is read", "while it is read"])
@pytest.mark.parametrize("change", ["written over", "removed"])
def test_a_scan_that_is_no_longer_what_was_hashed_is_refused(
    tmp_path: Path, scans, monkeypatch: pytest.MonkeyPatch, moment: str, change: str
) -> None:
    path = Path(shutil.copy(scans.train / "sub-01_T1w.nii.gz", tmp_path / "sub-01_T1w.nii.gz"))
    hashed = source(path)
    content = (scans.train / "sub-02_T1w.nii.gz").read_bytes()

    def changed() -> None:
        path.unlink() if change == "removed" else path.write_bytes(content)

    def read(file: Path) -> list[Scan]:
        volumes = read_volumes(file)
        changed()
        return volumes

    if moment == "while it is read":
        monkeypatch.setattr(slice_cache, "read_volumes", read)
    else:
        changed()
    with pytest.raises(ScanError, match=r"sub-01_T1w\.nii\.gz") as told:
        cache_scan(tmp_path, 0, hashed, SMALL)
    assert "\n" not in str(told.value)
    assert not index_path(tmp_path, 0).exists()


def test_no_repetition_may_change_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scans) -> None:
    other = Path(shutil.copy(scans.train / "sub-02_T1w.nii.gz", tmp_path))
    first = scans.train / "sub-01_T1w.nii.gz"
    hashed = Source("a", str(first), sha256=hash_scan(first, [other]), repetitions=(str(other),))
    volumes = [(read_volumes(first)[0], None)]
    monkeypatch.setattr(slice_cache, "_volumes", lambda *_: iter(volumes))
    cache_scan(tmp_path, 0, hashed, SMALL)
    other.write_bytes(b"other")
    with pytest.raises(ScanError, match="changed"):
        cache_scan(tmp_path, 1, hashed, SMALL)
