"""The studies' plans and their figures, and that pages and cards say what was found."""

import argparse
import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.evaluation.acquisitions import StudyVolume
from lfsr_tf.models import list_models, read_card
from lfsr_tf.physics.fourier import ifft2c
from lfsr_tf.scans import phantom_scan
from lfsr_tf.scans.hanging import hanging
from lfsr_tf.storage import read_json
from studies import blur, more_data, transfer
from studies.command import SHORT, WORK, add_places, carry_out
from studies.page import markdown_table, renewed
from studies.plan import FOLDER, PLANS, merged, read_study
from studies.scores import Results, with_interval
from studies.sides import unequal

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted(path.stem for path in PLANS.glob("*.toml"))


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("name", STUDIES)
def test_every_plan_is_made_of_settings_that_exist(name: str, short: bool) -> None:
    study = read_study(name, short=short)
    assert len(study.runs) >= 2
    if short:
        assert all(run.training.epochs * (run.training.steps_per_epoch or 0) <= 4 for run in study.runs)


def test_a_run_changes_the_common_settings_and_keeps_the_others(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        "title = 'Own'\n[common.train]\nloss = {mse = 1.0}\nbatch_size = 7\n"
        "[common.prepare.acquisition]\nsigma_max = 0.05\n"
        "[[runs]]\nname = 'a'\ntitle = 'A'\n"
        "[[runs]]\nname = 'b'\ntitle = 'B'\ntrain = {loss = {mae = 2.0}}\n"
        "prepare = {acquisition = {phase = true}}"
    )
    first, second = read_study("own", folder=tmp_path).runs
    assert (first.training.loss, second.training.loss) == ({"mse": 1.0}, {"mae": 2.0})
    assert first.training.batch_size == second.training.batch_size == 7
    assert (second.pairs.acquisition.phase, second.pairs.acquisition.sigma_max) == (True, 0.05)


def test_a_run_is_made_with_other_seeds_too_but_not_in_short(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        "title = 'Own'\n[common.train]\nbatch_size = 7\n"
        "[[runs]]\nname = 'a'\ntitle = 'A'\nseeds = [1, 5]\n[[runs]]\nname = 'b'\ntitle = 'B'\n"
    )
    runs = read_study("own", folder=tmp_path).runs
    assert [(run.name, run.training.seed) for run in runs] == [("a", 0), ("a@1", 1), ("a@5", 5), ("b", 0)]
    assert {run.training.batch_size for run in runs} == {7}
    assert [run.name for run in read_study("own", folder=tmp_path, short=True).runs] == ["a", "b"]


def test_an_unknown_study_or_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"Expected a study .*{STUDIES[0]}.*Received: other"):
        read_study("other")
    (tmp_path / "own.toml").write_text("title = 'Own'\n[[runs]]\nname = 'a'\ntitle = 'A'\ncolour = 'red'")
    with pytest.raises(ConfigError, match="Received: colour"):
        read_study("own", folder=tmp_path)


def test_a_result_is_that_of_a_run_with_the_same_settings() -> None:
    first, second = read_study("real_scans").runs[:2]
    stored = json.loads(json.dumps({**first.identity(), "scans": {"a.nii": "00"}}))
    assert first.made(stored)
    assert not second.made(stored)
    # A setting that the package has got since then is at its default in this run...
    del stored["training"]["patience"], stored["pairs"]["acquisition"]["bias_field"]
    assert first.made(stored)
    # ...and one that this run changes is not.
    del stored["training"]["clip_norm"]
    assert not first.made(stored)
    assert not first.made({**first.identity(), "training": {**first.identity()["training"], "lost": 1}})


def test_tables_within_tables_are_merged() -> None:
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}) == {"a": {"b": 1, "c": 3}}


def volume(scan: str, subject: str, psnr: float) -> dict[str, object]:
    place = {"scan": scan, "subject": subject, "contrast": "T2w", "sigma": 0.0, "region": "head"}
    return {**place, "method": "model", "psnr": psnr}


def test_differences_are_taken_volume_by_volume(tmp_path: Path) -> None:
    results = Results.read(tmp_path / "none.jsonl")
    for name, values in (("a", (20.0, 30.0)), ("b", (21.0, 32.0))):
        volumes = [volume(f"s{n}", f"p{n}", value) for n, value in enumerate(values)]
        run = {"name": name, "title": name.upper(), "volumes": volumes, "outer_band": []}
        results = results.keep(tmp_path / "own.jsonl", ["b", "a"], run)
    assert list(results.titles) == ["b", "a"]
    assert results.mean("b", "psnr", sigma=0.0) == 26.5
    gap = results.difference("b", "a", "psnr", sigma=0.0)
    # Of two people resampling shows 1.0 to 2.0; Student's t makes that 9 times as wide.
    assert (gap.estimate, gap.low, gap.high) == pytest.approx((1.5, -3.084, 6.084), abs=1e-3)
    assert with_interval(gap) == "+1.50 [-3.08, +6.08]"
    with pytest.raises(KeyError, match="no figures of a"):
        results.mean("a", "psnr", sigma=0.5)


def test_a_page_gets_its_tables_and_keeps_its_words() -> None:
    table = markdown_table(["run", "dB"], [["a", "1.0"]])
    page = "Words.\n<!-- table: one-0.5 -->\nold\n<!-- end -->\nMore."
    assert renewed(page, {"one-0.5": table}) == page.replace("old", table)
    with pytest.raises(ConfigError, match=r"tables one, two\. Received: one-0.5"):
        renewed(page, {"one": table, "two": table})


def results_of(name: str) -> Results:
    return Results.read(FOLDER / "results" / f"{name}.jsonl")


@pytest.mark.parametrize("name", STUDIES)
def test_the_results_file_holds_runs_of_the_plan(name: str) -> None:
    results, runs = results_of(name), {run.name: run for run in read_study(name).runs}
    assert list(results.titles) == [run for run in runs if run in results.titles]
    for run in results.titles:
        assert runs[run].made(results.runs[run]["identity"])


@pytest.mark.parametrize("name", [*STUDIES, "comparison"])
def test_the_page_shows_what_the_results_file_holds(name: str) -> None:
    page, results = ROOT / "docs" / "studies" / f"{name}.md", results_of(name)
    planned = results.titles if name == "comparison" else [run.name for run in read_study(name).runs]
    missing = [run for run in planned if run not in results.runs]
    assert not (missing and page.exists()), f"a page is added once all runs are made; missing: {missing}"
    assert missing or page.exists(), f"all runs of {name} are made: write {page}; --page fills its tables"
    if not missing:
        text = page.read_text()
        assert renewed(text, importlib.import_module(f"studies.{name}").tables(results)) == text
        for picture in re.findall(r"!\[.*?\]\((.*?)\)", text):
            assert (page.parent / picture).is_file()


def words_of(page: str) -> str:
    return " ".join((ROOT / "docs" / page).read_text().split())


def test_what_more_people_give_is_said_in_words_too() -> None:
    results, said = results_of("more_data"), []
    for people in more_data.PEOPLE[1:]:
        gains = [
            results.difference(f"{people}_{kind}", f"1_{kind}", "psnr", sigma=0.03, region="head").estimate
            for kind in more_data.KINDS
        ]
        said.append(f"{min(gains):.2f} to {max(gains):.2f}")
    assert f"three people instead of one give {said[0]} dB, and eleven {said[1]}:" in words_of(
        "studies/more_data.md"
    )


def test_how_many_weights_the_block_input_costs_is_said_in_words_too() -> None:
    runs, words = results_of("open_questions").runs, words_of("studies/open_questions.md")
    every, first = (runs[name]["parameters"] for name in ("every_layer", "first_layer"))
    assert f"at {every / first:.1f} times the weights" in words
    assert f"{every:,} parameters; {first:,} where the first layer" in words


def test_how_far_fast_lies_below_best_is_said_in_words_too() -> None:
    results, sigmas = results_of("comparison"), (0.0, 0.015, 0.03, 0.06)
    gaps = [results.difference("best", "fast", "psnr", sigma=sigma, region="head") for sigma in sigmas]
    least, most = (extreme(gap.estimate for gap in gaps) for extreme in (min, max))
    assert f"and {least:.1f} to {most:.1f} dB below `best`" in words_of("studies/comparison.md")


@pytest.mark.parametrize("name", list_models())
def test_a_card_says_what_the_comparison_found(name: str) -> None:
    card, results = read_card(name), results_of("comparison")
    found = results.runs[name]
    assert (found["sha256"], found["parameters"]) == (card.sha256, card.parameters)
    assert found["multiply_adds"] == card.multiply_adds
    for row in card.results:
        for run, prefix in ((name, ""), ("zero-fill", "zero_fill_")):
            for metric, digits in (("psnr", 2), ("ssim", 3)):
                mean = results.mean(run, metric, sigma=row["sigma"], region="head")
                assert row[f"{prefix}{metric}"] == pytest.approx(mean, abs=1e-5)
                assert f"{row[f'{prefix}{metric}']:.{digits}f}" == f"{mean:.{digits}f}"


def test_how_much_of_the_outer_band_is_signal_is_said_in_words_too() -> None:
    scores, shares = results_of("comparison").runs["zero-fill"]["outer_band"], []
    for contrast in ("T1", "T2", "FLAIR"):
        found = [score["signal_fraction"] for score in scores if f"_{contrast}_" in score["scan"]]
        shares.append(f"{100 * np.mean(found):.0f} % on {contrast}")
    assert f"(mean of both): signal {', '.join(shares)};" in words_of("evaluation.md")


def test_the_page_of_transfer_functions_shows_what_its_file_holds(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "studies" / "transfer.md").read_text()
    assert renewed(text, transfer.tables(read_json(FOLDER / "results" / "transfer.json"))) == text
    assert transfer.main(["--short", "--results", str(tmp_path)]) == 0
    found = read_json(tmp_path / "transfer.json")
    assert [row["contrast"] for row in found["training"]] == ["T2w"] * 3
    assert all(len(row["recovered"]) == 3 for row in found["cost"]) and len(found["cost"]) == 2 * 3


def test_a_short_run_keeps_clear_of_what_the_studies_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    parser, seen = argparse.ArgumentParser(), argparse.Namespace()
    add_places(parser, work=True)
    for words in ([], ["--short"]):
        assert carry_out(lambda options: vars(seen).update(vars(options)), parser.parse_args(words)) == 0
        places = {seen.results, seen.docs, seen.work}
        assert places == ({SHORT} if words else {FOLDER / "results", ROOT / "docs" / "studies", WORK})


def test_unequal_sides_are_as_unequal_as_asked_and_keep_the_head_where_it_is() -> None:
    hr = np.zeros((2, 64, 64), np.float32)
    hr[:, 24:44, 20:36] = 1.0
    volume = StudyVolume(
        name="square",
        subject="nobody",
        contrast="T1w",
        hr=hr,
        indices=np.arange(2),
        noise_key="square",
        chosen=np.arange(2),
        masks=hr > 0.0,
        scale=2,
        spacing_mm=(1.0, 1.0),
        hanging=hanging(phantom_scan(1, "T1w", slices=1)),
    )
    places, ten = np.array([0.0, 0.01, 1.0]), np.array([0.0, 10.0, 10.0])
    plain, skewed = (unequal(volume, places, part * ten).kspace[:, 0] for part in (0.0, 1.0))
    energies = [np.square(np.abs(kspace)).sum(axis=(0, 1)) for kspace in (plain, skewed)]
    for side, expected in ((slice(1, 31), 5.0), (slice(34, 64), -5.0)):
        before, after = (energy[side].sum() for energy in energies)
        assert 10.0 * np.log10(after / before) == pytest.approx(expected, abs=0.3)
    image = np.abs(ifft2c(tf.constant(plain)).numpy())
    assert image[:, 24:44, 20:36].mean() > 10.0 * image[:, :20].mean()


def test_the_fall_of_energy_is_told_by_axis() -> None:
    places = (np.arange(64) - 32) / 32
    energy = np.exp(-2.0 * np.abs(places))[:, None] * np.exp(-6.0 * np.abs(places - 0.1))
    found = transfer.fall(energy)
    assert found["rows_db"] > found["columns_db"]
    assert max(transfer.sides(energy)) < 0.0 < min(transfer.sides(energy[:, ::-1]))


def test_the_page_of_blur_shows_what_the_files_hold() -> None:
    text = (ROOT / "docs" / "studies" / "blur.md").read_text()
    assert renewed(text, blur.tables(*blur.read(FOLDER / "results"))) == text
