"""The studies' plans, their figures, and a short run of one from scans to a page."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lfsr_tf.errors import ConfigError
from studies.page import markdown_table, renewed
from studies.plan import FOLDER, PLANS, merged, read_study
from studies.scores import Results, with_interval

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
    assert (gap.estimate, gap.low, gap.high) == (1.5, 1.0, 2.0)
    assert with_interval(gap) == "+1.50 [+1.00, +2.00]"
    with pytest.raises(KeyError, match="no figures of a"):
        results.mean("a", "psnr", sigma=0.5)


def test_a_page_gets_its_tables_and_keeps_its_words() -> None:
    table = markdown_table(["run", "dB"], [["a", "1.0"]])
    page = "Words.\n<!-- table: one -->\nold\n<!-- end -->\nMore."
    assert renewed(page, {"one": table}) == f"Words.\n<!-- table: one -->\n{table}\n<!-- end -->\nMore."
    with pytest.raises(ConfigError, match=r"tables one, two\. Received: one"):
        renewed(page, {"one": table, "two": table})


@pytest.mark.parametrize("name", STUDIES)
def test_the_page_shows_what_the_results_file_holds(name: str) -> None:
    import importlib

    results = Results.read(FOLDER / "results" / f"{name}.jsonl")
    study = read_study(name)
    assert list(results.titles) == [run.name for run in study.runs]
    for run in study.runs:
        assert run.made(results.runs[run.name]["identity"])
    page = ROOT / "docs" / "studies" / f"{name}.md"
    text = page.read_text()
    assert renewed(text, importlib.import_module(f"studies.{name}").tables(results)) == text
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", text):
        assert (page.parent / picture).is_file()


def test_a_short_run_goes_from_scans_to_figures(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "studies", "real_scans", "--short", "--only", "paper"]
    folders = ["--work", tmp_path / "work", "--results", tmp_path, "--docs", tmp_path]
    for _ in range(2):  # the second time nothing is trained
        done = subprocess.run([*command, *map(str, folders)], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    (line,) = (tmp_path / "real_scans.jsonl").read_text().splitlines()
    run = json.loads(line)
    assert {row["method"] for row in run["volumes"]} == {"zero-fill", "model"}
    assert len(run["history"]["loss"]) == 1
    assert set(run["identity"]["scans"]) == {f"sub-{number:02d}_T2w.nii.gz" for number in range(1, 6)}
