"""The table that chose the strength of non-local means, and that it is that of the baseline."""

from pathlib import Path

import numpy as np

from lfsr_tf.evaluation.acquisitions import LowField
from lfsr_tf.evaluation.baselines import NLM_STRENGTH, non_local_means, non_local_means_biased
from lfsr_tf.storage import read_json
from studies import non_local_means as study
from studies.plan import FOLDER

PAGE = FOLDER.parent / "docs" / "evaluation.md"


def test_with_the_strength_of_the_baselines_it_is_the_baselines() -> None:
    images = np.random.default_rng(0).uniform(0.0, 1.0, (2, 24, 20)).astype(np.float32)
    low = LowField(images, sigma=0.05, reference=1.0, shape=(48, 40))
    for baseline, biased in ((non_local_means, False), (non_local_means_biased, True)):
        made = study.denoised(low, strength=NLM_STRENGTH, biased=biased)
        np.testing.assert_allclose(made, baseline(low), atol=1e-5)
        other = study.denoised(low, strength=2 * NLM_STRENGTH, biased=biased)
        assert np.abs(other - made).max() > 0.01


def test_a_short_run_judges_every_strength(tmp_path: Path) -> None:
    page = PAGE.read_bytes()
    assert study.main(["--short", "--results", str(tmp_path), "--docs", str(tmp_path / "studies")]) == 0
    rows = read_json(tmp_path / "non_local_means.json")
    assert len(rows) == (1 + 2 * len(study.STRENGTHS)) * len(study.SIGMAS)
    assert np.isfinite([row[metric] for row in rows for metric in ("psnr", "ssim")]).all()
    assert PAGE.read_bytes() == page


def test_the_page_has_the_table_and_the_strength_that_is_used_has_the_best_ssim() -> None:
    rows = read_json(FOLDER / "results" / "non_local_means.json")
    assert study.tables(rows)["non-local-means"] in PAGE.read_text(encoding="utf-8")
    means = {
        method: np.mean([row["ssim"] for row in rows if row["method"] == method])
        for method in {row["method"] for row in rows}
    }
    assert max(means, key=lambda method: means[method]) == f"{NLM_STRENGTH:g} σ"
