"""Means, spreads, differences and files, against sums made by hand."""

import csv
import dataclasses
import gc
import json
import weakref
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.evaluation import (
    EvaluationConfig,
    Results,
    SliceScore,
    differences,
    summaries,
    to_json,
    write_csv,
)
from lfsr_tf.evaluation.bootstrap import means_over_clusters
from lfsr_tf.evaluation.metrics import METRICS
from lfsr_tf.evaluation.results import json_value
from lfsr_tf.evaluation.tables import lookup, subject_differences, volume_scores
from lfsr_tf.storage import read_json, write_json


def score(
    subject: str, scan: str, method: str, psnr: float, contrast: str = "T1w", index: int = 0
) -> SliceScore:
    figures = {**dict.fromkeys(METRICS, 0.5), "psnr": psnr}
    return SliceScore(scan, subject, contrast, index, 0.03, method, "head", **figures)


@pytest.fixture
def by_hand() -> Results:
    config = EvaluationConfig(sigmas=(0.03,), baselines=("cubic",), bootstrap_samples=500)
    scores = (
        score("anna", "a1", "cubic", 20.0, index=0),
        score("anna", "a1", "cubic", 22.0, index=1),
        score("anna", "a1", "model", 23.0, index=0),
        score("anna", "a1", "model", 23.0, index=1),
        score("anna", "a2", "cubic", 24.0, "T2w"),
        score("anna", "a2", "model", 25.0, "T2w"),
        score("bert", "b1", "cubic", 30.0),
        score("bert", "b1", "model", 30.5),
    )
    return Results(config, {"name": "net"}, 2, scores)


def test_slices_are_averaged_within_a_volume_before_volumes_are(by_hand: Results) -> None:
    assert {one.value for one in volume_scores(by_hand) if one.metric == "psnr"} == {
        21.0,
        23.0,
        24.0,
        25.0,
        30.0,
        30.5,
    }
    row = lookup(summaries(by_hand), contrast="all", method="cubic", metric="psnr")
    assert row.mean == pytest.approx((21 + 24 + 30) / 3)
    assert row.spread == pytest.approx(np.std([21, 24, 30], ddof=1))
    assert (row.volumes, row.subjects) == (3, 2)
    assert row.low <= row.mean <= row.high


def test_a_contrast_of_a_single_volume_has_no_spread_and_no_interval(by_hand: Results) -> None:
    row = lookup(summaries(by_hand), contrast="T2w", method="model", metric="psnr")
    assert (row.mean, row.spread, row.low, row.high) == (25.0, None, None, None)


def test_every_cell_has_the_figures_that_its_volumes_give_alone() -> None:
    rng = np.random.default_rng(0)
    config = EvaluationConfig(sigmas=(0.03,), baselines=("cubic",), bootstrap_samples=200)
    places = [
        (f"subject{number}", f"scan{number}-{again}", contrast)
        for number in range(12)
        for again in range(1 + number % 2)
        for contrast in ("T1w", "T2w")[: 1 + number % 3]
    ]
    scores = tuple(
        score(subject, scan + contrast, method, rng.uniform(20, 30), contrast)
        for subject, scan, contrast in places
        for method in ("cubic", "model")
    )
    results = Results(config, {}, 2, scores)
    for row in summaries(results):
        volumes = [
            one
            for one in volume_scores(results)
            if (one.metric, one.method) == (row.metric, row.method) and row.contrast in ("all", one.contrast)
        ]
        values = np.array([one.value for one in volumes])
        [alone] = means_over_clusters(
            values[:, np.newaxis],
            [one.subject for one in volumes],
            samples=200,
            confidence=config.confidence,
            seed=config.seed,
        )
        assert (row.mean, row.spread, row.subjects) == (alone.estimate, np.std(values, ddof=1), alone.units)
        assert (row.low, row.high) == pytest.approx((alone.low, alone.high), rel=1e-12)
    kinds = [(row.contrast, row.metric, row.method) for row in summaries(results)]
    assert kinds[:2] == [("all", "psnr", "cubic"), ("T1w", "psnr", "cubic")]
    assert len(set(kinds)) == len(kinds) == 3 * len(METRICS) * 2


def test_differences_pair_each_volume_with_itself(by_hand: Results) -> None:
    row = lookup(differences(by_hand), contrast="all", method="cubic", metric="psnr")
    assert row.mean == pytest.approx((2.0 + 1.0 + 0.5) / 3)
    assert row.spread == pytest.approx(np.std([2.0, 1.0, 0.5], ddof=1))
    # The volumes differ by 9 dB, the differences by far less: pairing is what makes them comparable.
    alone = lookup(summaries(by_hand), contrast="all", method="cubic", metric="psnr")
    assert row.high - row.low < 0.2 * (alone.high - alone.low)


def test_differences_by_subject_average_the_subjects_volumes(by_hand: Results) -> None:
    assert subject_differences(by_hand) == {
        "anna": {"cubic": {"0.03": 1.5}},
        "bert": {"cubic": {"0.03": 0.5}},
    }


def test_tables_are_computed_once_and_anew_for_other_results(by_hand: Results) -> None:
    for table in (volume_scores, summaries, differences, subject_differences):
        assert table(by_hand) is table(by_hand)
    fewer = dataclasses.replace(by_hand, scores=by_hand.scores[:4])
    assert {row.subjects for row in summaries(fewer)} == {1}
    assert fewer.subjects == ("anna",)
    assert {row.subjects for row in summaries(by_hand) if row.contrast == "all"} == {2}


def test_tables_end_with_their_results(by_hand: Results) -> None:
    results = dataclasses.replace(by_hand)
    summaries(results)
    kept = weakref.ref(results)
    del results
    gc.collect()
    assert kept() is None


def test_a_row_that_does_not_exist_is_an_error(by_hand: Results) -> None:
    with pytest.raises(KeyError, match="PD"):
        lookup(summaries(by_hand), contrast="PD")


def test_json_holds_every_table_and_comes_back_equal(results: Results, tmp_path: Path) -> None:
    value = to_json(results)
    write_json(tmp_path / "results.json", value)
    read = read_json(tmp_path / "results.json")
    assert read == json.loads(json.dumps(value))
    assert read["config"]["sigmas"] == [0.0, 0.05]
    assert len(read["summary"]) == 3 * 2 * 2 * len(METRICS) * 4
    assert read["definitions"]["data_range"] == "volume"


def test_a_figure_that_is_not_finite_is_null_in_json() -> None:
    assert json_value({"sigma": float("nan"), "range": (np.float32(0.5), np.inf)}) == {
        "sigma": None,
        "range": [0.5, None],
    }


def test_csv_has_one_row_a_slice_with_all_figures(results: Results, tmp_path: Path) -> None:
    write_csv(results, tmp_path / "results.csv")
    with (tmp_path / "results.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(results.scores)
    assert float(rows[0]["psnr"]) == results.scores[0].psnr
    assert rows[0]["subject"] == "anna"
