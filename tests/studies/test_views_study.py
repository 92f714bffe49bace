"""The figures of the page on sample positions, and that a short run makes them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.evaluation import EvaluationConfig
from lfsr_tf.evaluation.acquisitions import study_volume
from lfsr_tf.evaluation.simulated_kspace import as_measured
from lfsr_tf.scans import phantom_scan
from lfsr_tf.storage import read_json
from studies import views as study
from studies.plan import FOLDER

PAGE = FOLDER.parent / "docs" / "studies" / "views.md"


def test_what_would_be_measured_has_the_noise_that_was_asked_for() -> None:
    config = EvaluationConfig(hr_size=96, slices_per_volume=3)
    first, second = (study_volume(phantom_scan(number, "T1w"), "a", 2, config) for number in (1, 2))
    quiet, noisy = (as_measured(first, sigma).low_field("magnitude") for sigma in (0.0, 0.02))
    assert quiet.sigma == 0.0
    assert noisy.sigma == pytest.approx(0.02)
    bright = quiet.images > 0.3
    noise = noisy.images - quiet.images
    # The phase is another at each level, which moves magnitudes at edges.
    spread = np.diff(np.quantile(noise[bright], (0.16, 0.84)))[0] / 2.0
    assert spread == pytest.approx(0.02, rel=0.2)
    # Of two people nothing random is the same.
    other = as_measured(dataclasses.replace(first, subject=second.subject), 0.02)
    assert not np.allclose(
        other.kspace, as_measured(first, 0.02).kspace, atol=0.1 * np.abs(other.kspace).max()
    )
    np.testing.assert_array_equal(as_measured(first, 0.02).kspace, as_measured(first, 0.02).kspace)


def test_a_short_run_judges_every_way(tmp_path: Path) -> None:
    page = PAGE.read_bytes()
    assert study.main(["--short", "--results", str(tmp_path), "--docs", str(tmp_path / "studies")]) == 0
    rows = read_json(tmp_path / "views.json")["simulated"]
    assert {(row["image"], row["views"]) for row in rows} == set(study.WAYS)
    assert np.isfinite([row["psnr"] for row in rows]).all()
    assert PAGE.read_bytes() == page


def test_the_page_shows_what_the_file_holds_and_all_positions_win() -> None:
    found = read_json(FOLDER / "results" / "views.json")
    page = PAGE.read_text(encoding="utf-8")
    assert all(table in page for table in study.tables(found).values())
    psnr = {
        views: np.array([row["psnr"] for row in found["simulated"] if row["views"] == views])
        for views in ("one", "all")
    }
    assert (psnr["all"] > psnr["one"]).mean() > 0.95
