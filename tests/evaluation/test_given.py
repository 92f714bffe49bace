"""What an evaluation takes for scans, and how it names them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import nibabel as nib
import pytest

from lfsr_tf.evaluation import EvaluationConfig, Results, compare, evaluate, with_measured_kspace
from lfsr_tf.evaluation.baselines import BASELINES
from lfsr_tf.evaluation.given import named_scans
from lfsr_tf.scans import read_scan
from lfsr_tf.scans.scan import Scan

CONFIG = EvaluationConfig(sigmas=(0.05,), baselines=("cubic",), hr_size=32, slices_per_volume=1)
FORMS: dict[str, Callable[[Path], Any]] = {
    "text": str,
    "path": Path,
    "scan": read_scan,
    "texts": lambda path: [str(path)],
    "generator": lambda path: (each for each in (path,)),
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


@pytest.fixture(scope="module")
def file(scans: list[Scan], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scans") / "T1w.nii.gz"
    nib.save(nib.Nifti1Image(scans[0].voxels, scans[0].affine), path)
    return path


@every_form
def test_a_scan_is_evaluated_the_same_in_whatever_form_it_is_given(
    form: Callable[[Path], Any], file: Path, nearest_network: keras.Model
) -> None:
    expected = evaluate(nearest_network, [file], CONFIG).scores
    assert {score.scan for score in expected} == {"T1w.nii.gz"}
    assert evaluate(nearest_network, form(file), CONFIG).scores == expected


@every_form
def test_methods_are_compared_on_scans_of_any_form(form: Callable[[Path], Any], file: Path) -> None:
    methods = {"cubic": BASELINES["cubic"]}
    assert compare(methods, form(file), CONFIG).scores == compare(methods, [file], CONFIG).scores


@every_form
def test_measured_scans_are_taken_in_any_form_and_named_where_they_cannot_be_used(
    form: Callable[[Path], Any], file: Path, nearest_network: keras.Model
) -> None:
    found = with_measured_kspace(Results(CONFIG, {}, 2, ()), nearest_network, form(file))
    [(name, reason)] = found.failures
    assert name == "T1w.nii.gz" and "raw k-space" in reason


def test_scans_without_a_file_are_named_by_subject_and_contrast(scans: list[Scan]) -> None:
    assert list(named_scans(scans)) == ["anna_T1w", "anna_T2w", "bert_T1w", "cleo_T1w"]


def test_no_two_scans_share_a_name_whatever_their_files_are_called(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "a (3)", "a", "a")]
    named = named_scans(paths)
    assert list(named.values()) == paths
    assert list(named)[:2] == ["a", "a (3)"]
