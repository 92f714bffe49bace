"""`lfsr serve --allowed-host` reaches the server's options, in whatever case it is written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from lfsr_tf.cli import serve as command
from lfsr_tf.errors import ConfigError
from lfsr_tf.serving.server.options import ServerOptions

Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), ()),
        (("--allowed-host", "LFSR.example"), ("lfsr.example",)),
        (("--allowed-host", "a.b", "--allowed-host", "c"), ("a.b", "c")),
    ],
)
def test_names_are_passed_on(
    words: tuple[str, ...],
    names: tuple[str, ...],
    run_command: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "lfsr" / "1").mkdir(parents=True)
    (tmp_path / "lfsr" / "1" / "saved_model.pb").touch()
    given: list[ServerOptions] = []

    def run(options: ServerOptions, *_: object) -> int:
        given.append(options)
        return 0

    monkeypatch.setattr(command, "_run", run)
    result = run_command(command.serve, tmp_path / "lfsr", *words)
    assert result.exit_code == 0, result.exception
    assert [options.allowed_hosts for options in given] == [names]


def test_what_is_no_name_is_refused(run_command: Run, tmp_path: Path) -> None:
    (tmp_path / "lfsr" / "1").mkdir(parents=True)
    (tmp_path / "lfsr" / "1" / "saved_model.pb").touch()
    result = run_command(command.serve, tmp_path / "lfsr", "--allowed-host", "http://a.b")
    assert isinstance(result.exception, ConfigError)
    assert "without scheme and port. Received: 'http://a.b'." in str(result.exception)
