"""`lfsr serve --allowed-host` decides which requests are answered, in whatever case it is written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.datastructures import Headers
from typer.testing import Result

from lfsr_tf.cli import serve as command
from lfsr_tf.errors import ConfigError
from lfsr_tf.serving.server import native
from lfsr_tf.serving.server.options import ModelSource, ServerOptions
from lfsr_tf.serving.server.refusal import RefusalError
from lfsr_tf.serving.server.rest.callers import check_caller

Run = Callable[..., Result]


@pytest.fixture
def served(run_command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ServerOptions]:
    """What would be served with some words of the command line."""
    (tmp_path / "lfsr" / "1").mkdir(parents=True)
    (tmp_path / "lfsr" / "1" / "saved_model.pb").touch()
    given: list[ServerOptions] = []

    def run(options: ServerOptions, *_: object) -> int:
        given.append(options)
        return 0

    def options_of(*words: str) -> ServerOptions:
        result = run_command(command.serve, tmp_path / "lfsr", *words)
        if result.exception is not None:
            raise result.exception
        return given[-1]

    monkeypatch.setattr(command, "_run", run)
    return options_of


def answered(options: ServerOptions, host: str) -> bool:
    try:
        check_caller("GET", Headers({"host": host}), loopback=options.loopback, allowed=options.allowed_hosts)
    except RefusalError:
        return False
    return True


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), ()),
        (("--allowed-host", "LFSR.example"), ("lfsr.example",)),
        (("--allowed-host", "a.b", "--allowed-host", "c"), ("a.b", "c")),
    ],
)
def test_names_are_passed_on(
    words: tuple[str, ...], names: tuple[str, ...], served: Callable[..., ServerOptions]
) -> None:
    assert served(*words).allowed_hosts == names


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("LFSR.example", "lfsr.example:8501"),
        ("10.0.0.7", "10.0.0.7:8501"),
        ("FD00::1", "[fd00::1]:8501"),
    ],
)
def test_what_is_named_is_answered_and_nothing_else(
    name: str, host: str, served: Callable[..., ServerOptions]
) -> None:
    assert not answered(served(), host)
    options = served("--allowed-host", name)
    assert answered(options, host)
    assert answered(options, "localhost:8501")
    assert not answered(options, "evil.example")


def test_what_tensorflow_serving_has_no_option_for_is_named_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(native, "find_program", lambda: "tensorflow_model_server")
    options = ServerOptions(
        (ModelSource("lfsr", Path("models")),), host="0.0.0.0", allowed_hosts=("lfsr.example",)
    )
    with pytest.raises(ConfigError) as refusal:
        command._native_program(options, "tensorflow")
    assert str(refusal.value) == (
        "Expected options that tensorflow_model_server has. tensorflow_model_server looks at no Host: let a "
        "proxy do so, instead of --allowed-host."
    )


def test_what_is_no_name_is_refused(served: Callable[..., ServerOptions]) -> None:
    with pytest.raises(ConfigError, match=r"scheme and port\. Received: 'http://a\.b'\."):
        served("--allowed-host", "http://a.b")
