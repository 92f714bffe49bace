"""What `python -m studies NAME` does with a study's own file and page."""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType

import pytest

from studies import __main__ as command
from studies.scores import Results

PLAN = "title = 'Own'\n[[runs]]\nname = 'a'\ntitle = 'A'\n[[runs]]\nname = 'b'\ntitle = 'B'\n"


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """A study of two runs that take no time, and its file with a table of the runs."""
    module = module_from_spec(ModuleSpec("studies.own", None))
    module.tables = lambda results: {"runs": ", ".join(results.titles)}  # type: ignore[attr-defined]
    module.figures = lambda results, folder: (folder / "own.svg").touch()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "studies.own", module)
    (tmp_path / "own.toml").write_text(PLAN)
    read = command.read_study
    monkeypatch.setattr(command, "read_study", lambda name, short: read(name, short=short, folder=tmp_path))
    monkeypatch.setattr(command, "asked_scans", lambda options: None)
    monkeypatch.setattr(
        command, "_in_process", lambda run, scans, folder: {"name": run.name, "title": run.title}
    )
    return module


def run(tmp_path: Path, *words: str) -> int:
    places = [word for name in ("results", "docs") for word in (f"--{name}", str(tmp_path))]
    return command.main(["own", "--short", *places, "--work", str(tmp_path / "work"), *words])


@pytest.mark.usefixtures("own")
def test_runs_that_are_still_to_be_made_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--only", "a") == 0
    assert "no tables yet: b is still to be run" in capsys.readouterr().out
    assert not (tmp_path / "own.svg").exists()


@pytest.mark.usefixtures("own")
def test_a_page_that_is_missing_is_named_and_the_figures_are_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path) == 0
    printed = capsys.readouterr().out
    assert f"no page {tmp_path / 'own.md'}: write it" in printed
    assert "<!-- table: runs -->\na, b\n<!-- end -->" in printed
    assert (tmp_path / "own.svg").exists()


@pytest.mark.usefixtures("own")
def test_a_page_that_is_there_gets_its_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "own.md"
    page.write_text("Words.\n<!-- table: runs -->\n<!-- end -->\n")
    assert run(tmp_path) == 0
    assert page.read_text() == "Words.\n<!-- table: runs -->\na, b\n<!-- end -->\n"
    assert "no page" not in capsys.readouterr().out


def test_figures_that_short_runs_lack_are_said_and_end_other_runs(
    own: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own.tables = lambda results: results.mean("a", "psnr", sigma=0.06)  # type: ignore[attr-defined]
    results = Results({"a": "A"}, {"a": {"volumes": []}})
    command._show(results, own, tmp_path / "own.md", short=True)
    assert "no tables of a short run, which lacks figures: no figures of a" in capsys.readouterr().out
    with pytest.raises(KeyError):
        command._show(results, own, tmp_path / "own.md", short=False)


def test_a_study_without_its_file_is_refused_before_anything_is_trained(
    own: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "studies.own")
    assert run(tmp_path) == 1
    assert (
        "Expected tables and figures of own in studies/own.py. Received: no such file."
        in capsys.readouterr().err
    )
    assert not (tmp_path / "own.jsonl").exists()
