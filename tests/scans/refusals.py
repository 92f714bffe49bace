"""What a refusal looks like, whoever refuses."""

from pathlib import Path

import pytest

from lfsr_tf.errors import ScanError
from lfsr_tf.scans import read_scan


def refused(path: Path, *words: str) -> None:
    """The scan is refused in one line: what was expected, what was received, what to do, and all `words`."""
    with pytest.raises(ScanError) as caught:
        read_scan(path)
    message = str(caught.value)
    assert message.startswith("Expected ")
    assert "Received: " in message
    assert message.count(". ") >= 2, "no advice after what was received"
    assert "\n" not in message
    assert str(path) in message
    for word in words:
        assert word in message
