"""What the report calls things, those of one's own too."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from lfsr_tf.evaluation import Results, write_report
from lfsr_tf.evaluation.config import BASELINE_NAMES
from lfsr_tf.evaluation.report import labels
from lfsr_tf.evaluation.report.labels import acquisition_label, colour_of, marker_of, noise_label
from lfsr_tf.physics import AcquisitionConfig

OWN = ("own", "own-too", "own-again")


@pytest.fixture
def own_baselines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Baselines of one's own, for which the report has no words."""
    for module in ("config", "report.labels"):
        monkeypatch.setattr(f"lfsr_tf.evaluation.{module}.BASELINE_NAMES", (*BASELINE_NAMES, *OWN))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, ""),
        ({"sigma_max": 0.5, "echo_order": "centric"}, ""),
        ({"phase": True}, "Beyond the crop are simulated: a smooth random phase."),
        (
            {"bias_field": 0.3, "elliptical": True},
            "Beyond the crop are simulated: coil shading of up to 30 % and an elliptical k-space.",
        ),
        (
            {"apodisation": 0.5, "t2_decay": 2.0, "echo_order": "centric"},
            "Beyond the crop are simulated: a Tukey filter of strength 0.5 and T2 decay over an echo train "
            "of 2 T2 (centric order).",
        ),
    ],
)
def test_what_a_scanner_does_beyond_the_crop_is_said_in_words(settings: dict[str, Any], said: str) -> None:
    assert acquisition_label(AcquisitionConfig(**settings)) == said


@pytest.mark.usefixtures("own_baselines")
def test_every_method_has_a_colour_and_a_marker_of_its_own() -> None:
    methods = (*BASELINE_NAMES, *OWN, "model")
    assert len({colour_of(method, methods) for method in methods}) == len(methods)
    assert len({marker_of(method, methods) for method in methods}) == len(methods)


@pytest.mark.usefixtures("own_baselines")
def test_a_method_may_have_a_colour_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(labels.METHOD_COLOURS, OWN[0], "#123456")
    assert (colour_of(OWN[0], OWN), marker_of(OWN[0], OWN)) == ("#123456", "P")


@pytest.mark.usefixtures("own_baselines")
@pytest.mark.parametrize(
    ("baselines", "takes", "said"),
    [
        (("zero-fill", "cubic"), False, "The network is not told σ."),
        (("zero-fill", "cubic"), True, "The network is told σ."),
        (("cubic", "nlm"), False, "Non-local means is told σ; the network is not."),
        (("nlm", "nlm-biased"), True, "Non-local means and the network are told σ."),
        (("nlm", "own", "own-too"), True, "Non-local means, own, own-too and the network are told σ."),
        (("zero-fill", "own", "nlm"), False, "own and Non-local means are told σ; the network is not."),
    ],
)
def test_all_that_are_told_the_noise_level_are_named(
    results: Results, baselines: tuple[str, ...], takes: bool, said: str
) -> None:
    config = dataclasses.replace(results.config, baselines=baselines)
    changed = dataclasses.replace(results, config=config, model={"takes_noise_level": takes})
    assert noise_label(changed) == said


def test_a_metric_without_words_is_listed_too(
    results: Results, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delitem(labels.METRIC_LABELS, "energy")
    monkeypatch.delitem(labels.METRIC_DEFINITIONS, "energy")
    write_report(results, (), tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert re.search(r"\(NRMSE, HFEN, Outer band recovered[^)]* energy\b[^)]*\)", html)
    assert "<dt>energy</dt>\n    <dd>Not described here.</dd>" in html
