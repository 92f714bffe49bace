"""What a client is told and what the log keeps of its words is short, and nothing but words."""

import logging
from pathlib import Path

import pytest

from lfsr_tf.serving.server.gate import Gate
from lfsr_tf.serving.server.log_lines import in_one_line
from lfsr_tf.serving.server.models.store import ModelStore
from lfsr_tf.serving.server.options import ModelSource
from lfsr_tf.serving.server.refusal import invalid
from lfsr_tf.serving.server.service import ModelService


@pytest.mark.parametrize("letter", ["x", "\u00e4", "\U0001f9e0", "\ud800"])
def test_a_message_is_cut_before_it_is_too_much_for_a_client_of_grpc(letter: str) -> None:
    message = invalid(f"Unrecognized label: {letter * 100_000}").message
    assert message.startswith("Unrecognized label: ")
    assert message.endswith("...")
    assert 1900 < len(message.encode()) <= 2003
    assert invalid("x" * 2000).message == "x" * 2000


def test_a_line_of_the_log_gives_no_orders_to_a_terminal() -> None:
    line = invalid("a\r\nb\x1b[2J\u202ec\u2028d \u00e4").line
    assert line == "INVALID_ARGUMENT: a b\ufffd[2J\ufffdc d \u00e4"


def test_what_a_library_logs_of_an_error_is_a_short_line_that_gives_no_orders() -> None:
    record = logging.makeLogRecord({"msg": "failed %s", "args": ("a\r\nb",)})
    record.exc_info = (ValueError, ValueError("\x1b[2J" + "x" * 100_000), None)
    assert in_one_line(record)
    assert record.getMessage().startswith("failed a b (ValueError: \ufffd[2Jxx")
    assert len(record.getMessage()) < 2100 and record.exc_info is None


def test_a_name_of_megabytes_is_logged_by_its_beginning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lfsr_tf")
    service = ModelService(ModelStore([ModelSource("lfsr", tmp_path)], 60.0), Gate(1, 1))
    with pytest.raises(Exception, match=r"in the server\."), service.counted("x" * 10**6, "Predict", "GRPC"):
        raise ValueError("y" * 10**6)
    assert len(caplog.records[0].message) < 2300
