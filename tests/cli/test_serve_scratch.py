"""A model that `lfsr serve` exports first is looked at once: its folder may be somebody else's later."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from lfsr_tf.cli import serve
from lfsr_tf.cli.app import app
from lfsr_tf.errors import ConfigError
from lfsr_tf.serving.server.options import ServerOptions
from tests.serving.server.factor_model import save_factor_model


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[ServerOptions]:
    """What would be served."""
    seen: list[ServerOptions] = []

    def run(options: ServerOptions, engine: str, scratch: Path) -> int:
        seen.append(options)
        return 0

    monkeypatch.setattr(serve, "_run", run)
    monkeypatch.setattr(serve, "_exported", lambda model, name, dtype, scratch: scratch / name)
    return seen


def test_what_is_exported_into_the_servers_own_folder_is_not_polled(served: list[ServerOptions]) -> None:
    words = ["serve", "fast", "--file-system-poll-wait-seconds", "5"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert served[0].poll_seconds == 0.0


def test_a_time_between_polls_that_none_can_be_is_refused_even_so(served: list[ServerOptions]) -> None:
    words = ["serve", "fast", "--file-system-poll-wait-seconds", "-1"]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, ConfigError)
    assert "Received: -1.0." in str(result.exception)
    assert served == []


def test_a_folder_of_versions_is_polled(served: list[ServerOptions], tmp_path: Path) -> None:
    save_factor_model(tmp_path / "1", 1.0)
    assert CliRunner().invoke(app, ["serve", str(tmp_path)]).exit_code == 0
    assert served[0].poll_seconds == ServerOptions.poll_seconds
