"""`lfsr evaluate --against`: under which names other networks appear, and which are refused."""

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from typer.testing import CliRunner, Result

from lfsr_tf import models
from lfsr_tf.cli.app import app
from lfsr_tf.errors import ConfigError, ModelError
from lfsr_tf.models import read_card
from lfsr_tf.networks import ModelInfo, save_model
from lfsr_tf.storage import read_json
from tests.cli.test_cli_evaluate import write_kspace

QUICK = ["--hr-size", "32", "--slices-per-volume", "1", "--sigma", "0.05", "--baseline", "zero-fill"]


@pytest.fixture
def scan(small_scan: Callable[..., Path]) -> Path:
    return small_scan()


def run(*words: object, columns: int = 160) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, words)], env={"COLUMNS": str(columns)})


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def figures(report: Path) -> dict[str, Any]:
    return dict(read_json(report / "results.json"))


def test_networks_have_the_names_that_the_user_gave_and_say_which_files_they_are(
    run_folder: Path, scan: Path, tmp_path: Path
) -> None:
    second = shutil.copytree(run_folder, tmp_path / "runs" / "second.v2")
    third = shutil.copytree(run_folder, tmp_path / "third") / "best.keras"
    given = [word for name in ("fast", second, third) for word in ("--against", name)]
    result = run(run_folder, scan, "-o", tmp_path / "report", *QUICK, *given)
    assert result.exit_code == 0, result.output
    found = figures(tmp_path / "report")
    assert {*found["against"]} == {"fast", "second.v2", "best"}
    assert found["model"]["sha256"] == sha256(run_folder / "best.keras")
    assert found["against"]["fast"]["sha256"] == read_card("fast").sha256
    assert found["against"]["fast"]["file"] == "fast, of the package"
    for name, file in (("second.v2", second / "best.keras"), ("best", third)):
        assert found["against"][name]["sha256"] == sha256(file)
        assert found["against"][name]["file"] == str(file)
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert all(each["sha256"] in page for each in (found["model"], *found["against"].values()))
    for word in ("network minus other method", "fast", "second.v2", "best"):
        assert word in result.output


def test_files_are_named_as_the_user_named_them_and_no_other_place_is(
    run_folder: Path, scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run_folder, "runs/own")
    Path("history.csv").write_text("epoch,loss\n0,0.5\n")
    result = run("fast", scan.name, "-o", "report", *QUICK, "--against", "runs/own")
    assert result.exit_code == 0, result.output
    found = figures(Path("report"))
    assert found["model"]["file"] == "fast, of the package"
    assert found["against"]["own"]["file"] == str(Path("runs/own/best.keras"))
    page = Path("report/report.html").read_text(encoding="utf-8")
    for place in (str(tmp_path), str(Path(models.__file__).parent)):
        assert place not in page and place not in Path("report/results.json").read_text(encoding="utf-8")
    # A file of that name beside the user has nothing to do with a shipped model.
    assert "Training</h3>" not in page


def test_60_columns_break_no_word_and_no_number(run_folder: Path, scan: Path, tmp_path: Path) -> None:
    given = [word for name in ("cubic", "nlm") for word in ("--baseline", name)]
    kspace = write_kspace(tmp_path / "low_T1.h5")
    given += ["--against", "fast", "--lowfield-kspace", str(kspace), "--sigma", "0"]
    result = run(run_folder, scan, "-o", tmp_path / "report", *QUICK, *given, columns=60)
    assert result.exit_code == 0, result.output
    tables = result.stdout[: result.stdout.index("report: ")]
    assert not any(len(line) > 60 for line in tables.splitlines())
    number = r"[+−]?\d+\.\d+"
    for method in ("Zero-filling", "Cubic", "Non-local means", "fast", "Network"):
        rows = [line for line in tables.splitlines() if line.startswith(f"│ {method} ")]
        assert len(rows) >= 2 and all(re.search(rf" {number} +│", row) for row in rows)
    assert re.search(r"┃ +σ 0.05 ┃ +σ 0 ┃", tables)


def test_measured_k_space_judges_them_too(run_folder: Path, scan: Path, tmp_path: Path) -> None:
    kspace = write_kspace(tmp_path / "low_T1.h5")
    given = ("--against", "fast", "--lowfield-kspace", kspace)
    result = run(run_folder, scan, "-o", tmp_path / "report", *QUICK, *given)
    assert result.exit_code == 0, result.output
    judged = [row["method"] for row in figures(tmp_path / "report")["outer_band"]]
    assert judged == ["complex zero-fill", "zero-fill", "fast", "model"] * 2


def test_80_columns_break_no_number_and_cut_no_name_of_two_networks_more(
    run_folder: Path, scan: Path, tmp_path: Path
) -> None:
    second = shutil.copytree(run_folder, tmp_path / "unet_width64_lr0.0003_seed2")
    given = [word for name in ("fast", second) for word in ("--against", name)]
    given += [word for name in ("cubic", "nlm") for word in ("--baseline", name)]
    result = run(run_folder, scan, "-o", tmp_path / "report", *QUICK, *given, columns=80)
    assert result.exit_code == 0, result.output
    table = result.output[: result.output.index("SSIM")]
    rows = re.findall(r"│ (\S.*?) +│ +(\d+\.\d\d) │", table)
    names = ["Zero-filling", "Cubic", "Non-local means", "fast", second.name, "Network"]
    assert [name for name, _ in rows] == names


@pytest.mark.parametrize(
    ("names", "received"),
    [
        (("one/same", "two/same"), "same"),
        (("one/best.keras", "best"), "best"),
        (("one/cubic",), "cubic"),
        (("one/model",), "model"),
    ],
)
def test_names_that_are_not_their_own_are_refused_before_a_network_is_loaded(
    run_folder: Path,
    scan: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: tuple[str, ...],
    received: str,
) -> None:
    monkeypatch.setattr(models, "load_model", lambda *_: pytest.fail("a network was loaded"))
    monkeypatch.chdir(tmp_path)
    for name in names:
        if name.endswith(".keras"):
            shutil.copytree(run_folder, Path(name).parent)
        elif "/" in name:
            shutil.copytree(run_folder, name)
    before = sorted(tmp_path.iterdir())
    given = [word for name in names for word in ("--against", name)]
    result = run(run_folder, scan, "-o", tmp_path / "report", *QUICK, *given)
    assert isinstance(result.exception, ConfigError), result.output
    assert f"Received: {received}, " in str(result.exception) and "\n" not in str(result.exception)
    assert sorted(tmp_path.iterdir()) == before


def test_another_scale_or_no_model_leaves_nothing(run_folder: Path, scan: Path, tmp_path: Path) -> None:
    lr = keras.Input((None, None, 1))
    larger = keras.Model(lr, keras.layers.Conv2DTranspose(1, 4, strides=4)(lr))
    save_model(larger, ModelInfo("larger", "own", {}, 4), tmp_path / "larger" / "best.keras")
    for name, words in (("larger", "larger, which enlarges by 4"), ("nowhere", "nowhere, which is none")):
        result = run(run_folder, scan, "-o", tmp_path / "report", *QUICK, "--against", tmp_path / name)
        assert isinstance(result.exception, ModelError)
        assert words in str(result.exception)
        assert not (tmp_path / "report").exists()
