"""Which results of an earlier run are left as they are."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.inference import EnhanceConfig, Enhancer, enhance_file
from lfsr_tf.inference.finished import is_broken_off, is_finished
from lfsr_tf.inference.jobs import Job
from lfsr_tf.networks import TrainedModel
from lfsr_tf.scans import Scan, write_scan


@pytest.fixture
def enhancer(interpolator: TrainedModel) -> Enhancer:
    return Enhancer(interpolator)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """An input of two volumes, and its finished result."""
    series = np.random.default_rng(0).random((20, 24, 3, 2)).astype(np.float32)
    nib.save(nib.Nifti1Image(series, np.diag([1, 1, 5, 1])), tmp_path / "bold.nii.gz")
    return Job(tmp_path / "bold.nii.gz", tmp_path / "out" / "bold_sr")


def test_a_result_is_finished_once_it_is_written(enhancer: Enhancer, job: Job) -> None:
    assert not is_finished(job, enhancer, "same")
    enhance_file(enhancer, job)
    assert is_finished(job, enhancer, "same") and is_finished(job, enhancer, "nifti")


def lost_volume(job: Job) -> None:
    job.target.with_name("bold_sr_v2.nii.gz").unlink()


def lost_sidecar(job: Job) -> None:
    job.sidecar.unlink()


def changed_input(job: Job) -> None:
    nib.save(nib.Nifti1Image(np.ones((20, 24, 3), np.float32), np.eye(4)), job.source)


def lost_input(job: Job) -> None:
    job.source.unlink()


def sidecar_without_settings(job: Job) -> None:
    sidecar = json.loads(job.sidecar.read_text())
    del sidecar["settings"]
    job.sidecar.write_text(json.dumps(sidecar))


def foreign_sidecar(job: Job) -> None:
    job.sidecar.write_text("{}")


def sidecar_without_volumes(job: Job) -> None:
    job.sidecar.write_text(json.dumps(json.loads(job.sidecar.read_text()) | {"volumes": []}))


@pytest.mark.parametrize(
    "change",
    [
        lost_volume,
        lost_sidecar,
        changed_input,
        lost_input,
        sidecar_without_settings,
        foreign_sidecar,
        sidecar_without_volumes,
    ],
)
def test_it_is_not_when_a_part_is_lost_or_the_input_is_another(
    change: Callable[[Job], None], enhancer: Enhancer, job: Job
) -> None:
    enhance_file(enhancer, job)
    change(job)
    assert not is_finished(job, enhancer, "same")


@pytest.mark.parametrize(
    "settings", [{"acquired_matrix": (16, 20)}, {"image": "magnitude"}, {"plane": "axial"}, {}]
)
def test_nor_with_other_settings(settings: dict[str, object], interpolator: TrainedModel, job: Job) -> None:
    enhance_file(Enhancer(interpolator), job)
    asked_for = Enhancer(interpolator, EnhanceConfig(**settings))  # type: ignore[arg-type]
    assert is_finished(job, asked_for, "same") == (not settings)
    enhance_file(asked_for, job, overwrite=True)
    assert is_finished(job, asked_for, "same")
    assert is_finished(job, Enhancer(interpolator, replace(asked_for.config, pixel_budget=2000)), "same")


@pytest.mark.parametrize("other", [{"name": "another"}, {"version": 2}])
def test_nor_of_another_model(other: dict[str, object], interpolator: TrainedModel, job: Job) -> None:
    enhance_file(Enhancer(interpolator), job)
    info = replace(interpolator.info, **other)  # type: ignore[arg-type]
    assert not is_finished(job, Enhancer(TrainedModel(interpolator.model, info)), "same")


def test_nor_in_another_format(
    enhancer: Enhancer, job: Job, scan_of: Callable[..., Scan], complex_images: Callable[..., np.ndarray]
) -> None:
    enhance_file(enhancer, job)
    assert not is_finished(job, enhancer, "dicom")
    assert not is_finished(replace(job, suffix=".nii"), enhancer, "same")
    write_scan(scan_of(np.abs(complex_images((20, 24)))), job.source)
    assert not is_finished(job, enhancer, "same")


def test_nor_where_it_may_be_that_of_another_input(enhancer: Enhancer, job: Job) -> None:
    enhance_file(enhancer, job)
    twin = job.source.with_name("bold.nii")
    shutil.copy(job.source, twin)
    assert not is_finished(replace(job, namesakes=(twin,)), enhancer, "same")


def test_a_run_that_was_killed_between_two_files_is_known_by_its_sidecar(
    enhancer: Enhancer, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Nothing is tidied up."""

    placed: list[Path] = []

    def place(temporary: Path, target: Path, *, overwrite: bool) -> None:
        if len(placed) == 2:
            raise Killed
        placed.append(target)
        temporary.replace(target)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("lfsr_tf.inference.files.move_into_place", place)
        enhance_file(enhancer, job)
    assert len(list(job.target.parent.iterdir())) == 2
    assert is_broken_off(job, enhancer, "same") and not is_finished(job, enhancer, "same")
    assert not is_broken_off(job, enhancer, "dicom")
    enhance_file(enhancer, job, overwrite=True)
    assert is_finished(job, enhancer, "same") and not is_broken_off(job, enhancer, "same")
