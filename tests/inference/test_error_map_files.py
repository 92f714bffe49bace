"""Maps of expected errors on disk: named, found again, replaced and removed with their results."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.error_model import INTERPOLATED, KNOWN, ErrorModel
from lfsr_tf.errors import OutputError
from lfsr_tf.inference import EnhanceConfig, Enhancer, enhance_file, files
from lfsr_tf.inference.finished import is_finished
from lfsr_tf.inference.jobs import Job, earlier_results
from lfsr_tf.networks import TrainedModel
from lfsr_tf.scans import Scan, find_scans, write_scan
from lfsr_tf.scans.enhanced import recorded_error_maps

MODELS = {KNOWN: ErrorModel(20.0, 0.5, 1e-4), INTERPOLATED: ErrorModel(30.0, 0.5, 1e-4)}


@pytest.fixture(scope="module")
def enhancers(interpolator: TrainedModel) -> dict[bool, Enhancer]:
    """Without and with a map."""
    trained = TrainedModel(interpolator.model, replace(interpolator.info, expected_error=MODELS))
    return {wanted: Enhancer(trained, EnhanceConfig(error_map=wanted)) for wanted in (False, True)}


@pytest.fixture
def job(tmp_path: Path) -> Job:
    voxels = np.random.default_rng(0).random((20, 24, 3), np.float32)
    source = tmp_path / "scan.nii.gz"
    write_scan(Scan(voxels, np.diag([2.0, 2.0, 4.0, 1.0])), source)
    return Job(source, tmp_path / "out" / "scan_sr")


def test_the_map_lies_beside_the_result_at_its_place(job: Job, enhancers: dict[bool, Enhancer]) -> None:
    enhance_file(enhancers[True], job)
    result, error = (nib.load(job.target.with_name(f"scan_sr{end}.nii.gz")) for end in ("", "_error"))
    assert result.shape == error.shape
    np.testing.assert_array_equal(result.affine, error.affine)
    assert error.get_fdata().min() > 0
    sidecar = json.loads(job.sidecar.read_text())
    assert [volume["error_map"] for volume in sidecar["volumes"]] == ["scan_sr_error.nii.gz"]
    assert sidecar["settings"]["error_map"] is True


def test_a_map_is_no_scan_and_no_result_of_its_own(job: Job, enhancers: dict[bool, Enhancer]) -> None:
    enhance_file(enhancers[True], job)
    assert find_scans(job.target.parent.parent, results=False) == [job.source]
    assert [path.name for path in earlier_results(job)] == ["scan_sr.nii.gz"]


def test_a_result_is_finished_with_its_map_alone(job: Job, enhancers: dict[bool, Enhancer]) -> None:
    enhance_file(enhancers[True], job)
    assert is_finished(job, enhancers[True], "same")
    assert not is_finished(job, enhancers[False], "same")
    job.target.with_name("scan_sr_error.nii.gz").unlink()
    assert not is_finished(job, enhancers[True], "same")


def test_a_map_is_replaced_with_overwrite_only_and_goes_where_none_is_wanted(
    job: Job, enhancers: dict[bool, Enhancer]
) -> None:
    error = job.target.with_name("scan_sr_error.nii.gz")
    error.parent.mkdir()
    error.write_bytes(b"mine")
    with pytest.raises(OutputError, match="scan_sr_error"):
        enhance_file(enhancers[True], job)
    assert error.read_bytes() == b"mine" and len(list(error.parent.iterdir())) == 1
    error.unlink()
    enhance_file(enhancers[True], job)
    enhance_file(enhancers[True], job, overwrite=True)
    assert error.is_file()
    enhance_file(enhancers[False], job, overwrite=True)
    assert not error.exists()
    assert json.loads(job.sidecar.read_text())["volumes"][0]["error_map"] is None


def test_every_volume_of_a_series_has_its_own(tmp_path: Path, enhancers: dict[bool, Enhancer]) -> None:
    voxels = np.random.default_rng(0).random((20, 24, 3, 2), np.float32)
    nib.save(nib.Nifti1Image(voxels, np.diag([2.0, 2.0, 4.0, 1.0])), tmp_path / "series.nii.gz")
    job = Job(tmp_path / "series.nii.gz", tmp_path / "series_sr")
    enhance_file(enhancers[True], job)
    made = {path.name for path in tmp_path.glob("series_sr*.nii.gz")}
    assert made == {f"series_sr_v{number}{end}.nii.gz" for number in (1, 2) for end in ("", "_error")}
    assert find_scans(tmp_path, results=False) == [job.source]


def test_a_run_that_is_killed_while_it_replaces_leaves_no_sidecar_of_other_results(
    job: Job, enhancers: dict[bool, Enhancer], monkeypatch: pytest.MonkeyPatch
) -> None:
    enhance_file(enhancers[True], job)

    class KilledError(Exception):
        pass

    def killed(*_: object, **__: object) -> None:
        raise KilledError

    for after in ("remove", "move_into_place"):
        with monkeypatch.context() as patched, pytest.raises(KilledError):
            patched.setattr(files, after, killed)
            enhance_file(enhancers[False], job, overwrite=True)
        told = recorded_error_maps(job.sidecar)
        error = job.target.with_name("scan_sr_error.nii.gz")
        # Either nothing has changed, or no sidecar tells of what is there.
        assert (told == [error.name] and error.exists()) or (not job.sidecar.exists() and not error.exists())
