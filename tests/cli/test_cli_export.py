from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from lfsr_tf.cli.export import export
from lfsr_tf.errors import ConfigError, ModelError

Run = Callable[..., Result]


def test_a_run_is_exported_and_checked(run_command: Run, run_folder: Path, tmp_path: Path) -> None:
    result = run_command(export, run_folder, "-o", tmp_path, "--name", "brain")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "brain" / "1" / "saved_model.pb").is_file()
    assert "checked with TensorFlow's C++ loader" in result.stdout
    assert "serving_default, kspace" in result.stdout


def test_the_version_can_be_given_and_the_check_left_out(
    run_command: Run, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without its graph, which takes seconds to write, a check would fail.
    monkeypatch.setattr("lfsr_tf.serving.export.save_signatures", lambda *_: None)
    result = run_command(export, run_folder, "-o", tmp_path, "--version", 12, "--no-check")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "lfsr" / "12" / "metadata.json").is_file()
    assert "not checked" in result.stdout


def test_what_is_no_model_is_refused(run_command: Run, tmp_path: Path) -> None:
    result = run_command(export, tmp_path, "-o", tmp_path / "out")
    assert isinstance(result.exception, ModelError)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "option", [("--name", "a/b"), ("--version", 0), ("--version", 2**63), ("--dtype", "int8")]
)
def test_settings_out_of_range_are_refused(
    option: tuple[str, object], run_command: Run, run_folder: Path, tmp_path: Path
) -> None:
    result = run_command(export, run_folder, "-o", tmp_path / "out", *option)
    assert isinstance(result.exception, ConfigError)
    assert not (tmp_path / "out").exists()


def test_openvino_s_files_come_with_their_loss(run_command: Run, run_folder: Path, tmp_path: Path) -> None:
    result = run_command(export, run_folder, "-o", tmp_path, "--format", "openvino")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "lfsr" / "1" / "model.xml").exists()
    assert "beside TensorFlow's float32: f32" in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--format", "onnx"], "Expected --format savedmodel or openvino"),
        (["--format", "openvino", "--no-check"], "Expected no --no-check with --format openvino"),
        (["--format", "openvino", "--dtype", "auto"], "Expected no --dtype"),
        (["--format", "openvino", "--warm-up", "8x8"], "Expected no --warm-up"),
        (["--warm-up", "8"], "like 64x64, or none"),
        (["--no-check", "--warm-up", "640x640"], "at most 262144 pixels"),
    ],
)
def test_options_that_do_not_fit_are_one_line(
    options: list[str], expected: str, run_command: Run, run_folder: Path, tmp_path: Path
) -> None:
    result = run_command(export, run_folder, "-o", tmp_path / "out", *options)
    assert result.exit_code != 0
    assert expected in " ".join(str(result.exception or result.output).split())
    assert not (tmp_path / "out").exists()
