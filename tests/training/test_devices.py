"""Training on two devices is training on one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.devices import local_devices

SCRIPT = Path(__file__).parent / "two_devices.py"


@pytest.mark.slow
def test_two_devices_give_the_losses_of_one_and_go_on_with_its_run(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout.splitlines()[-1])
    assert report["replicas"] == 2
    assert len(report["two, another network"]) == 1
    for name in ("two", "one, then two"):
        assert len(report["one"]) == len(report[name]) == 3
        for one, two in zip(report["one"], report[name], strict=True):
            assert two == pytest.approx(one, rel=1e-4)


def test_without_distribution_nothing_changes() -> None:
    devices = local_devices(TrainConfig(batch_size=3))
    assert (devices.strategy, devices.replicas, devices.first) == (None, 1, True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 3}, r"2 devices.*batch_size=3.*multiple of 2"),
        (
            {"batch_size": 4, "dtype_policy": "mixed_float16"},
            r"2 devices.*mixed_float16.*Take mixed_bfloat16",
        ),
        ({"batch_size": 4, "jit_compile": True}, r"jit_compile=false on 2 devices.*jit_compile=true"),
        ({"batch_size": 4, "steps_per_execution": 2}, r"execution=1 on 2 devices.*execution=2"),
    ],
)
def test_what_devices_cannot_share_is_refused(
    monkeypatch: pytest.MonkeyPatch, settings: dict, message: str
) -> None:
    devices = {"GPU": ["first", "second"], "CPU": []}
    monkeypatch.setattr("lfsr_tf.training.devices.tf.config.list_logical_devices", devices.__getitem__)
    with pytest.raises(ConfigError, match=message):
        local_devices(TrainConfig(distribute=True, **settings))
