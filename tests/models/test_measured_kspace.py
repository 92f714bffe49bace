"""What the shipped models recover of real low-field k-space (docs/studies/comparison.md)."""

from pathlib import Path

import pytest

from lfsr_tf.evaluation import EvaluationConfig, OuterBandScore, outer_band_scores
from lfsr_tf.evaluation.methods import model_method
from lfsr_tf.models import load_model
from lfsr_tf.scans import read_scan

CONFIG = EvaluationConfig(bootstrap_samples=300)


def scores(data: Path, patient: str, model: str) -> dict[str, OuterBandScore]:
    scan = read_scan(data / "lowfield_dev" / f"{patient}_LF055T_T1_kspace_fastmri_layout.h5")
    method = model_method(load_model(model).model, CONFIG.batch_size)
    found = outer_band_scores(scan, {"model": method}, 2, CONFIG)
    return {score.image: score for score in found if score.method == "model"}


@pytest.mark.slow
@pytest.mark.parametrize("patient", ["hkuF6A", "hkuF7A"])
@pytest.mark.parametrize(
    ("model", "magnitude", "in_phase"), [("fast", 0.17, 0.24), ("best", 0.18, 0.26)], ids=["fast", "best"]
)
def test_detail_that_is_added_to_t1w_scans_is_really_there(
    model: str, magnitude: float, in_phase: float, patient: str, shared_data: Path
) -> None:
    found = scores(shared_data, patient, model)
    assert found["magnitude"].recovered >= magnitude
    assert found["in_phase"].recovered >= in_phase
    assert min(score.low for score in found.values()) > 0.0
