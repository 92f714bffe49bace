"""The figures of the page on expected errors, the cards that hold them, and that a short run makes them."""

from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.error_model import INTERPOLATED, KNOWN, error_models
from lfsr_tf.models import list_models, read_card
from lfsr_tf.storage import read_json
from studies import expected_error as study
from studies.plan import FOLDER

PAGE = FOLDER.parent / "docs" / "studies" / "expected_error.md"


def test_a_short_run_fits_and_judges(tmp_path: Path) -> None:
    page = PAGE.read_bytes()
    cards = {name: read_card(name) for name in list_models()}
    assert study.main(["--short", "--results", str(tmp_path), "--docs", str(tmp_path / "studies")]) == 0
    found = read_json(tmp_path / "expected_error.json")["fast"]
    assert set(error_models(found["models"])) == {KNOWN, INTERPOLATED}
    # Two people; each level of noise in phase and as magnitudes, and interpolated once.
    assert len(found["rows"]) == 2 * len(study.SIGMAS) * 3
    assert all(0.3 < row["ratio"] < 3.0 for row in found["rows"])
    assert PAGE.read_bytes() == page
    assert cards == {name: read_card(name) for name in list_models()}


def test_the_page_shows_what_the_file_holds() -> None:
    page = PAGE.read_text(encoding="utf-8")
    tables = study.tables(read_json(FOLDER / "results" / "expected_error.json"))
    assert all(table in page for table in tables.values())


@pytest.mark.parametrize("name", list_models())
def test_every_shipped_model_is_calibrated_as_the_file_says(name: str) -> None:
    found = read_json(FOLDER / "results" / "expected_error.json")
    assert read_card(name).info.expected_error == error_models(found[name]["models"])


def test_people_who_were_left_out_have_errors_about_as_expected() -> None:
    found = read_json(FOLDER / "results" / "expected_error.json")
    rows = [row for of_model in found.values() for row in of_model["rows"]]
    ratios = np.array([row["ratio"] for row in rows])
    # What the pages say of them.
    assert ratios.min() > 0.875 and ratios.max() < 1.865
    assert min(row["spearman"] for row in rows) > 0.325 and max(row["spearman"] for row in rows) < 0.845
