"""The report's words."""

import dataclasses
import re
from pathlib import Path
from typing import get_args

import pytest

from lfsr_tf.evaluation import OuterBandScore, Results, write_report
from lfsr_tf.physics.settings import RawImage

HISTORY = {"loss": [0.02, 0.01], "val_loss": [0.03, 0.02]}


def written(results: Results, folder: Path) -> str:
    write_report(results, results.pictures, folder / "report.html", history=HISTORY)
    return (folder / "report.html").read_text(encoding="utf-8")


def of_subjects(results: Results, count: int) -> Results:
    """The scores of the first subject under as many names."""
    first = [score for score in results.scores if score.subject == results.subjects[0]]
    scores = [
        dataclasses.replace(score, subject=f"sub-{number}", scan=f"sub-{number}_{score.scan}")
        for number in range(count)
        for score in first
    ]
    return dataclasses.replace(results, scores=tuple(scores))


@pytest.mark.parametrize(("subjects", "chance", "few"), [(1, 0, 0), (2, 1, 1), (9, 1, 1), (10, 1, 0)])
def test_what_intervals_of_few_subjects_rest_on_is_said(
    results: Results, tmp_path: Path, subjects: int, chance: bool, few: bool
) -> None:
    html = written(of_subjects(results, subjects), tmp_path)
    assert ("beyond the chance of these subjects" in html) == chance
    assert ("subjects are few" in html) == few


def test_nothing_says_at_which_field_the_truth_was_scanned(results: Results, tmp_path: Path) -> None:
    # It may be a phantom.
    assert "high-field" not in (html := written(results, tmp_path)) and "high field" not in html


def test_a_trainings_own_figures_are_left_out(results: Results, tmp_path: Path) -> None:
    model = {**results.model, "network": "own network", "metrics": {"psnr": 27.52, "seconds": 48.44}}
    html = written(dataclasses.replace(results, model=model), tmp_path)
    assert "own network" in html
    assert "27.52" not in html and "48.44" not in html


def test_steps_of_the_optimiser_that_are_not_known_are_left_out(results: Results, tmp_path: Path) -> None:
    model = {**results.model, "network": "own network", "settings": {"dropout": 0}}
    html = written(dataclasses.replace(results, model={**model, "trained_steps": 0}), tmp_path)
    assert "trained steps" not in html
    # Any other zero is a value.
    assert "settings: dropout</th><td>0</td>" in html
    html = written(dataclasses.replace(results, model={**model, "trained_steps": 1200}), tmp_path)
    assert "trained steps</th><td>1,200</td>" in html


def test_the_noise_has_one_unit_wherever_it_is_named(results: Results, tmp_path: Path) -> None:
    html = written(results, tmp_path)
    assert "brightest tissue" not in html and "intensity unit" not in html
    unit = "99.9th percentile of the noise-free low-resolution volume"
    part = "the noise in the real (and in the imaginary) part of the complex image"
    assert f"σ is the standard deviation of {part}, as a fraction of the {unit}" in html
    # A receiver channel is a coil.
    assert "channel" not in html


def test_ranges_have_as_many_digits_as_are_of_use(results: Results, tmp_path: Path) -> None:
    model = {
        **results.model,
        "spacing_range_mm": [2.5, 4.00306],
        "settings": {"dropout": 0.00025, "width": 64},
    }
    html = written(dataclasses.replace(results, model=model), tmp_path)
    for name, value in (
        ("spacing range mm", "2.5 to 4"),
        ("settings: dropout", "0.00025"),
        ("settings: width", "64"),
    ):
        assert f"{name}</th><td>{value}</td>" in html


def test_a_single_volume_is_one_and_has_no_spread(results: Results, tmp_path: Path) -> None:
    scores = tuple(score for score in results.scores if score.subject == "bert")
    html = written(dataclasses.replace(results, scores=scores), tmp_path)
    assert "1 volume of 1 subject (T1w) was turned into a simulated low-field scan at" in html
    assert "±" not in html
    assert "interval over subjects" not in html and "resampling" not in html


def test_measured_scans_are_named_once_above_their_rows(results: Results, tmp_path: Path) -> None:
    scores = tuple(
        OuterBandScore(name, "dora", "T1w", image, method, (128, 128), 0.68, True, 0.2, 0.1, 0.3)
        for image in get_args(RawImage)
        for name in ("one.h5", "two.h5")
        for method in ("complex zero-fill", "model")
    )
    html = written(dataclasses.replace(results, outer_band=scores), tmp_path)
    table = re.sub(r"\s+", " ", html[html.index('id="measured"') : html.index('id="model"')])
    assert table.count("one.h5") == table.count("two.h5") == 1
    assert "T1w, signal 68 %" in table
    headings = re.findall(r'<th scope="row(?:group)?"[^>]*>(?:<[^>]*>)?([^<]*[^< ])', table)
    assert headings == ["one.h5", "Magnitude", "In phase", "two.h5", "Magnitude", "In phase"]


def test_figures_below_0_have_a_true_minus(results: Results, tmp_path: Path) -> None:
    scores = tuple(dataclasses.replace(score, band=-0.25) for score in results.scores)
    html = written(dataclasses.replace(results, scores=scores), tmp_path)
    assert '<span class="figure">−0.250</span>' in html and ">-0.25" not in html
