"""What `make demo` runs, without and with a training of its own; no extra is needed for it."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from lfsr_tf.cli.app import app
from lfsr_tf.cli.demo import MARKER, _run
from lfsr_tf.errors import OutputError
from tests.own_packages import block_other_packages
from tests.shell import run_shell

# What is trained on and judged by: minutes of work with 24 phantoms become seconds. One signature is exported
# and checked: each other one takes seconds, and tests/serving has them all.
FEW_PHANTOMS = """
from lfsr_tf.lean_import import import_tensorflow
import_tensorflow()
from lfsr_tf.cli import demo
from lfsr_tf.cli.app import main
from lfsr_tf.serving import export, loader_check, warmup

for module in (export, loader_check, warmup):
    module.SIGNATURES = {"serving_default": module.SIGNATURES["serving_default"]}

demo.TRAINING_SUBJECTS, demo.CONTRASTS = range(1, 3), ("T2w",)
main()
"""
# A minute of training becomes seconds.
SHORT = """
network = "ResidualSR"
epochs = 1
steps_per_epoch = 5
network_settings = { blocks = 1, filters = 8 }
"""


@pytest.mark.slow
@pytest.mark.parametrize("trained", [False, True])
def test_the_demo_leaves_a_report_pictures_and_an_enhanced_scan(tmp_path: Path, trained: bool) -> None:
    site = block_other_packages(tmp_path / "site")
    (tmp_path / "few.py").write_text(FEW_PHANTOMS)
    (tmp_path / "short.toml").write_text(SHORT)
    # Without a training it runs as users run it.
    command = "python few.py demo --train --preset short.toml" if trained else "lfsr demo"
    run_shell(f"{command} --output demo", tmp_path, PYTHONPATH=str(site))
    demo = tmp_path / "demo"
    assert (demo / "report" / "report.html").stat().st_size > 10_000
    assert list((demo / "report").rglob("*.png"))
    assert list((demo / "enhanced").glob("*.nii.gz"))
    assert list((demo / "enhanced").glob("*.json"))
    assert (demo / "models" / "lfsr" / "1" / "saved_model.pb").exists() == trained


def test_no_folder_but_a_demos_own_is_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = tmp_path / "project" / "scans" / "val" / "sub-01_T1w.nii.gz"
    scan.parent.mkdir(parents=True)
    scan.write_text("years of work")
    monkeypatch.chdir(tmp_path / "project")
    for output in (".", "../project"):
        result = CliRunner().invoke(app, ["demo", "-o", output, "--overwrite"])
        assert isinstance(result.exception, OutputError) and "something else" in str(result.exception)
    assert scan.read_text() == "years of work"


def test_what_somebody_put_into_a_demos_folder_stays(tmp_path: Path) -> None:
    (tmp_path / MARKER).touch()
    (tmp_path / "my_results").mkdir()
    result = CliRunner().invoke(app, ["demo", "-o", str(tmp_path), "--overwrite"])
    assert isinstance(result.exception, OutputError) and "my_results" in str(result.exception)
    assert (tmp_path / "my_results").is_dir()


@pytest.mark.parametrize("code", [130, 1], ids=["Ctrl-C", "a scan that cannot be read"])
def test_a_command_that_fails_ends_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    scan = tmp_path / "scan.nii.gz"
    scan.write_text("no scan")

    def interrupt(paths: list[Path]) -> None:
        raise KeyboardInterrupt

    if code == 130:
        monkeypatch.setattr("lfsr_tf.inference.inputs.find_inputs", interrupt)
    with pytest.raises(typer.Exit) as end:
        _run("inspect", scan)
    assert end.value.exit_code == code
