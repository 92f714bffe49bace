"""The figures of the page on sample positions, and that a short run makes them."""

from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.evaluation.simulated_kspace import as_measured
from lfsr_tf.storage import read_json
from studies import views as study
from studies.plan import FOLDER

PAGE = FOLDER.parent / "docs" / "studies" / "views.md"


def test_what_would_be_measured_has_the_noise_that_was_asked_for() -> None:
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, size) for size in (96, 80)), indexing="ij")
    hr = np.repeat(np.exp(-8.0 * (rows**2 + columns**2))[None], 3, axis=0).astype(np.float32)
    quiet, noisy = (as_measured(hr, sigma).low_field("magnitude") for sigma in (0.0, 0.02))
    assert quiet.sigma == 0.0
    assert noisy.sigma == pytest.approx(0.02)
    bright = quiet.images > 0.5
    assert np.std((noisy.images - quiet.images)[bright]) == pytest.approx(0.02, rel=0.1)
    np.testing.assert_allclose(quiet.images[:, 24, 20], 1.0, atol=0.01)


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
