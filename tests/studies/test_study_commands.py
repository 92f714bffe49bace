"""What the studies' command lines refuse, how they know scans again, and names in their figures."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.hashing import sha256_file
from studies import comparison, figures, ship
from studies.__main__ import main as studies_main
from studies.scans import Scans


@pytest.mark.parametrize(
    ("command", "words", "message"),
    [
        (
            studies_main,
            ["open_questions", "--only", "typo"],
            "Expected a run of open_questions (every_layer,",
        ),
        (comparison.main, ["--only", "bm3d"], "Expected the package bm3d."),
        (comparison.main, ["--only", "bm3d", "--short"], "Expected the package bm3d."),
        (comparison.main, ["--only", "fast"], "Expected the package bm3d."),
        (ship.main, ["typo", "run"], "Expected a model of models.toml (paper,"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    command: Callable[[list[str]], int],
    words: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "bm3d" else find_spec(name, *more)
    )
    monkeypatch.chdir(tmp_path)
    assert command(words) == 1
    assert capsys.readouterr().err.startswith(f"studies: error: {message}")


def test_scans_are_known_by_their_names_or_by_more_where_names_repeat(tmp_path: Path) -> None:
    names = ("train/a.nii", "train/b.nii", "val/b.nii", "anna/T1/1.dcm", "anna/T1/2.dcm", "bert/T1/1.dcm")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    scans = Scans(
        (tmp_path / "train/a.nii", tmp_path / "train/b.nii", tmp_path / "anna/T1"),
        (tmp_path / "val/b.nii", tmp_path / "bert/T1"),
    )
    found = scans.hashes()
    assert set(found) == {"a.nii", "train/b.nii", "val/b.nii", "anna/T1", "bert/T1"}
    assert found["a.nii"] == sha256_file(tmp_path / "train/a.nii")
    assert len(set(found.values())) == 5
    (tmp_path / "anna/T1/2.dcm").write_text("other")
    changed = scans.hashes()
    assert [name for name in found if found[name] != changed[name]] == ["anna/T1"]


def test_names_in_figures_are_no_formulas(tmp_path: Path) -> None:
    score = {"recovered": 0.1, "low": 0.0, "high": 0.2}
    figures.intervals({r"a $\frac$": [score]}, [r"scan $\frac$"], "recovered", tmp_path / "own.svg")
    figures.gallery({r"T1w$\frac$": {r"$\frac$": np.zeros((8, 8), np.float32)}}, tmp_path / "own.png")
    assert (tmp_path / "own.svg").is_file() and (tmp_path / "own.png").is_file()
