"""TensorFlow Serving's own server ends as this package's does."""

import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lfsr_tf.serving.server.native import command, run_native, unable
from lfsr_tf.serving.server.options import ModelSource, ServerOptions


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (0, 0),
        (3, 3),
        (-signal.SIGINT, 0),
        (-signal.SIGTERM, 0),
        (-signal.SIGHUP, 0),
        (-signal.SIGKILL, 137),
        (-signal.SIGSEGV, 139),
    ],
)
def test_a_signal_to_end_is_no_failure_and_another_is_told_as_shells_do(
    ended: int, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_: SimpleNamespace(wait=lambda: ended))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert run_native("server", ServerOptions((ModelSource("lfsr", tmp_path),)), tmp_path) == expected


def test_a_model_may_have_any_name_that_an_export_takes(tmp_path: Path) -> None:
    (tmp_path / "models.config" / "1").mkdir(parents=True)
    source = ModelSource("models.config", tmp_path / "models.config")
    words = command("server", ServerOptions((source,), host="0.0.0.0"), tmp_path)
    (file,) = [word.split("=")[1] for word in words if word.startswith("--model_config_file")]
    assert 'name: "models.config"' in Path(file).read_text()


def test_a_link_is_left_to_be_looked_up_again(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "link").symlink_to("first")
    command("server", ServerOptions((ModelSource("lfsr", tmp_path / "link"),), host="0.0.0.0"), tmp_path)
    assert f'base_path: "{tmp_path / "link"}"' in (tmp_path / ".models.config").read_text()


@pytest.mark.parametrize(("seconds", "told"), [(0.0, 0), (0.1, 1), (1.0, 1), (7.6, 8)])
def test_a_time_between_polls_is_told_in_whole_seconds_and_no_polls_as_none(
    seconds: float, told: int, tmp_path: Path
) -> None:
    options = ServerOptions((ModelSource("lfsr", tmp_path),), host="0.0.0.0", poll_seconds=seconds)
    assert f"--file_system_poll_wait_seconds={told}" in command("server", options, tmp_path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"host": "0.0.0.0"}, ""),
        ({"host": "::"}, ""),
        ({}, "listens on all addresses: give --host 0.0.0.0"),
        ({"host": "0.0.0.0", "grpc_port": 0}, "looks for no free port: name two ports."),
        ({"host": "0.0.0.0", "allowed_hosts": ("a.b",)}, "looks at no Host: let a proxy do so"),
        ({"host": "0.0.0.0", "rest_port": 0}, "looks for no free port: name two ports."),
    ],
)
def test_what_tensorflow_serving_cannot_do_is_known(changes: dict[str, Any], reason: str) -> None:
    said = unable(ServerOptions((ModelSource("lfsr", Path("models")),), **changes))
    assert reason in said and bool(said) == bool(reason)
