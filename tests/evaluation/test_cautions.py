"""Where a test is not the one that a model was trained for, that is said, each in one line."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.evaluation import EvaluationConfig, Results, evaluate, to_json, write_report
from lfsr_tf.hashing import sha256_file
from lfsr_tf.model_info import ModelInfo, scan_mark
from lfsr_tf.networks import TrainedModel
from lfsr_tf.physics import AcquisitionConfig
from lfsr_tf.scans import read_volumes
from lfsr_tf.scans.scan import Scan
from tests.evaluation.conftest import SMALL, MakeScan

INFO = ModelInfo("mine", "nearest", {}, 2)


@pytest.fixture
def judged(nearest_network: keras.Model, scans: list[Scan]) -> Any:
    def judge(given: Any = None, config: EvaluationConfig = SMALL, **known: Any) -> Results:
        model = TrainedModel(nearest_network, dataclasses.replace(INFO, **known))
        return evaluate(model, scans[:2] if given is None else given, config)

    return judge


def under(**settings: Any) -> EvaluationConfig:
    return dataclasses.replace(SMALL, acquisition=AcquisitionConfig(**settings))


def test_of_what_is_not_known_nothing_is_said(judged: Any, nearest_network: keras.Model, scans: list) -> None:
    assert judged().warnings == ()
    assert evaluate(nearest_network, scans[:1], SMALL).warnings == ()


def test_another_acquisition_than_that_of_the_training_is_named_with_both_sides(judged: Any) -> None:
    (warning,) = judged(acquisition={"t2_decay": 2.0, "echo_order": "centric"}).warnings
    assert 't2_decay = 2.0, echo_order = "centric"' in warning
    assert 't2_decay = 0.0, echo_order = "linear"' in warning
    assert "--acquisition" in warning and "\n" not in warning


@pytest.mark.parametrize(
    ("trained", "tested"),
    [
        ({"phase": True}, {}),
        ({}, {"phase": True}),
        ({"t2_decay": 2.0}, {"t2_decay": 2.0, "sigma_max": 0.5}),
        ({"echo_order": "centric"}, {}),
    ],
)
def test_an_acquisition_that_gives_the_same_magnitudes_is_not(
    judged: Any, trained: dict[str, Any], tested: dict[str, Any]
) -> None:
    assert judged(config=under(**tested), acquisition=trained).warnings == ()


def test_noise_beyond_the_training_is_named_alone(judged: Any) -> None:
    config = dataclasses.replace(SMALL, sigmas=(0.0, 0.03, 0.1, 0.15))
    (warning,) = judged(config=config, sigma_range=(0.0, 0.08)).warnings
    assert warning == (
        "Noise of 0.1 and 0.15 of the reference intensity is outside of the training range, 0 to 0.08: "
        "the model has not seen such images."
    )
    assert judged(sigma_range=(0.0, 0.08)).warnings == ()


def test_voxels_beyond_the_training_are_counted(judged: Any, make_scan: MakeScan) -> None:
    # 40 voxels of 2 mm, at 16 samples: 5 mm in LR; of 3 mm 7.5.
    near, far = make_scan(1), make_scan(2, "bert")
    far = dataclasses.replace(
        far, affine=far.affine @ [[1.5, 0, 0, 0], [0, 1.5, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    )
    (warning,) = judged([near, far], spacing_range_mm=(1.0, 5.0)).warnings
    assert warning == (
        "Voxels of 7.50 mm in 1 of 2 volumes are outside of the training range, 1.00 to 5.00 mm: anatomy "
        "appears at another size than the model learnt."
    )


def test_voxel_sizes_are_kept_for_each_volume(judged: Any) -> None:
    found = to_json(judged())["scans"]
    assert [entry["scan"] for entry in found] == ["anna_T1w", "anna_T2w"]
    assert found[0]["hr_spacing_mm"] == [2.5, 2.5] and found[0]["lr_spacing_mm"] == [5.0, 5.0]
    assert found[0]["sha256"] is None


def test_scans_that_were_trained_on_are_counted_by_their_files_whatever_their_names(
    judged: Any, scans: list[Scan], tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in ("a.nii.gz", "b.nii.gz")]
    for path, scan in zip(paths, scans, strict=False):
        nib.save(nib.Nifti1Image(scan.voxels, scan.affine), path)
    digests = [sha256_file(path) for path in paths]
    renamed = paths[0].rename(tmp_path / "other.nii.gz")
    others = {"validated_on": (scan_mark(digests[1]),)}
    results = judged([renamed, paths[1]], trained_on=(scan_mark(digests[0]), scan_mark("f" * 64)), **others)
    trained, validated = results.warnings
    assert trained.startswith("1 of 2 scans were trained on")
    assert validated.startswith("1 of 2 scans chose the epoch")
    assert [entry["sha256"] for entry in to_json(results)["scans"]] == digests
    # Of hundreds of scans the marks would fill the page.
    assert not {"trained_on", "validated_on"} & set(results.model)


def test_copies_of_a_scan_are_no_other_people(judged: Any, scans: list[Scan], tmp_path: Path) -> None:
    first, *others = (tmp_path / f"sub-{number}_T1w.nii.gz" for number in range(3))
    nib.save(nib.Nifti1Image(scans[0].voxels, scans[0].affine), first)
    for other in others:
        other.write_bytes(first.read_bytes())
    (warning,) = judged([first, *others]).warnings
    assert warning.startswith(f"2 scans are copies of others (such as {first.name} and {others[0].name})")


def test_volumes_of_one_file_are_no_copies(judged: Any, scans: list[Scan], tmp_path: Path) -> None:
    path = tmp_path / "sub-01_T1w.nii.gz"
    nib.save(
        nib.Nifti1Image(np.stack([scans[0].voxels, scans[0].voxels[::-1]], axis=-1), scans[0].affine), path
    )
    assert judged(read_volumes(path)).warnings == ()


def test_a_scan_whose_file_has_gone_is_judged_all_the_same(
    judged: Any, scans: list[Scan], tmp_path: Path
) -> None:
    gone = dataclasses.replace(scans[0], source=tmp_path / "gone.nii.gz")
    assert to_json(judged([gone], trained_on=("ab",)))["scans"][0]["sha256"] is None


def test_report_and_figures_say_what_the_command_line_says(judged: Any, tmp_path: Path) -> None:
    results = judged(acquisition={"t2_decay": 2.0}, sigma_range=(0.0, 0.02))
    write_report(results, (), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert to_json(results)["warnings"] == list(results.warnings) and len(results.warnings) == 2
    simulation = page[page.index("<h3>Simulation</h3>") : page.index("<h3>Methods</h3>")]
    assert "t2_decay = 2.0" in simulation and "outside of the training range, 0 to 0.02" in simulation
    assert "5.00 mm" in simulation and "2.50 mm" in simulation
