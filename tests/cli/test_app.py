"""The `lfsr` command itself: how it ends, and that it prints names as they are."""

import pytest

from lfsr_tf.cli import app
from lfsr_tf.cli.console import console
from lfsr_tf.errors import ScanError


@pytest.mark.parametrize(
    ("raised", "status", "line"),
    [
        (KeyboardInterrupt(), 130, "Interrupted. A run that can be continued"),
        (SystemExit(130), 130, "Interrupted. A run that can be continued"),  # what Typer makes of it
        (ScanError("Expected a scan.\nReceived: none."), 1, "lfsr: error: Expected a scan. Received: none."),
        (SystemExit(2), 2, ""),
    ],
)
def test_every_end_has_its_status_and_at_most_one_line(
    raised: BaseException,
    status: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise raised

    monkeypatch.setattr(app, "app", fail)
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == status
    printed = capfd.readouterr().err
    assert line in printed and printed.count("\n") == bool(line)


def test_names_are_printed_as_they_are() -> None:
    with console.capture() as captured:
        console.print("scan:brain:[b].nii.gz", markup=False)
    assert captured.get() == "scan:brain:[b].nii.gz\n"
