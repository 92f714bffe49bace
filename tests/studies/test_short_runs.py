"""Short runs of the studies, from scans to figures and pages."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lfsr_tf.models import list_models, read_card
from studies import blur
from studies.__main__ import main as studies_main
from studies.lab import make
from studies.plan import PLANS, Run, read_study
from studies.scans import Scans
from tests.lent_worker import lent_worker
from tests.warm import WarmProcess

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted(path.stem for path in PLANS.glob("*.toml"))


def run_short(folder: Path, *words: str) -> list[dict[str, Any]]:
    """Run a study on phantoms as its command does, and give what its results file holds then."""
    command = [sys.executable, "-m", "studies", *words, *short_in(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return results_in(folder)


def run_short_here(folder: Path, *words: str) -> list[dict[str, Any]]:
    """The same in this process, and with a worker lent: the command starts four for every run."""

    def here(run: Run, scans: Scans, work: Path) -> dict[str, Any]:
        return {"name": run.name, "title": run.title, **make(run, scans, work)}

    with lent_worker(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("studies.__main__._in_process", here)
        assert studies_main([*words, *short_in(folder)]) == 0
    return results_in(folder)


def short_in(folder: Path) -> list[str]:
    return ["--short", "--results", str(folder), "--docs", str(folder)]


def results_in(folder: Path) -> list[dict[str, Any]]:
    (file,) = folder.glob("*.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in STUDIES if name != "open_questions"])
def test_a_short_run_goes_from_scans_to_figures(name: str, tmp_path: Path) -> None:
    first = read_study(name).runs[0].name
    words = [name, "--only", first, "--work", str(tmp_path / "work")]
    if name == STUDIES[0]:  # as the command does; the second time nothing is trained
        runs = run_short(tmp_path, *words)
        assert run_short_here(tmp_path, *words) == runs
    else:
        runs = run_short_here(tmp_path, *words)
    assert [run["name"] for run in runs] == [first]
    assert_judged(name, runs)


def assert_judged(study: str, runs: list[dict[str, Any]]) -> None:
    planned = {run.name: run.evaluate for run in read_study(study).runs}
    for run in runs:
        baselines = planned[run["name"]].get("baselines", ("zero-fill",))
        assert {row["method"] for row in run["volumes"]} == {*baselines, "model"}
        assert np.isfinite([row["psnr"] for row in run["volumes"]]).all()
        assert len(run["history"]["loss"]) == 1 and np.isfinite(run["history"]["loss"]).all()
        assert {"sub-04_T2w.nii.gz", "sub-05_T2w.nii.gz"} <= set(run["identity"]["scans"])


@pytest.mark.slow
def test_a_short_run_of_the_losses_goes_from_scans_to_the_figure_of_blur(tmp_path: Path) -> None:
    words = ["open_questions", "--only", "mse", "--only", "kspace", "--work", str(tmp_path / "work")]
    runs = run_short_here(tmp_path, *words)
    assert [run["name"] for run in runs] == ["mse", "kspace"]
    assert_judged("open_questions", runs)
    assert blur.main(["--work", str(tmp_path / "work"), *short_in(tmp_path)]) == 0
    assert (tmp_path / "blur.png").stat().st_size > 10_000
    assert "k-space" in (tmp_path / "blur.svg").read_text()


def run_module(name: str, *words: str) -> None:
    """What `python -m` does, in a process that is there."""
    os.chdir(ROOT)
    sys.argv[1:] = words
    runpy.run_module(name, run_name="__main__", alter_sys=True)


@pytest.mark.slow
def test_a_short_comparison_judges_every_method(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    process = WarmProcess(run_module, "studies.comparison", *short_in(tmp_path / "results"), log=log)
    assert process.wait() == 0, log.read_text()
    runs = {run["name"]: run for run in results_in(tmp_path / "results")}
    assert {"zero-fill", "cubic", "nlm", *list_models()} <= set(runs)
    assert {row["sigma"] for row in runs["fast"]["volumes"]} == {0.0, 0.015, 0.03, 0.06}
    assert runs["fast"]["sha256"] == read_card("fast").sha256
