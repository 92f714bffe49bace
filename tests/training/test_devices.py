"""Training on two devices is training on one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.training.devices import training_scope

SCRIPT = Path(__file__).parent / "two_devices.py"


@pytest.mark.slow
def test_two_devices_give_the_losses_of_one(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout.splitlines()[-1])
    assert report["replicas"] == 2
    assert len(report["one"]) == len(report["two"]) == 3
    for one, two in zip(report["one"], report["two"], strict=True):
        assert two == pytest.approx(one, rel=1e-4)


def test_without_distribution_nothing_changes() -> None:
    with training_scope(distribute=False, batch_size=3) as scope:
        assert scope is None


def test_a_batch_that_devices_cannot_share_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = {"GPU": ["first", "second"], "CPU": []}
    monkeypatch.setattr("lfsr_tf.training.devices.tf.config.list_logical_devices", devices.__getitem__)
    with pytest.raises(ConfigError, match=r"2 devices.*batch_size=3.*multiple of 2"):
        training_scope(distribute=True, batch_size=3)
