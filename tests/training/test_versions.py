"""What a run writes down of the machine that it ran on."""

import os
import platform
from pathlib import Path

import pytest
import tensorflow as tf

from lfsr_tf.training import versions
from lfsr_tf.training.versions import processor_name, training_versions

X86 = "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC 9334\n\nprocessor\t: 1\n"


def test_the_processor_its_cores_and_the_memory_are_named() -> None:
    found = training_versions("float32")
    assert found["processor"]
    assert 1 <= int(found["cores"]) <= (os.cpu_count() or 1)
    amount, unit = found["memory"].split()
    assert unit == "GiB" and float(amount) > 0.0
    assert all(isinstance(value, str) for value in found.values())


def test_a_processor_is_named_as_linux_does(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(X86)
    assert processor_name(tmp_path / "cpuinfo") == "AMD EPYC 9334 (family 25, model 17)"


@pytest.mark.parametrize("text", [None, "", "processor\t: 0\nCPU part\t: 0xd0c\n"])
def test_where_linux_names_none_the_platform_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert processor_name(tmp_path / "cpuinfo") == "aarch64"


def test_a_system_that_tells_nothing_of_itself_stops_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> int:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "sysconf", fail)
    monkeypatch.delattr(os, "sched_getaffinity")
    found = training_versions("float32")
    assert found["memory"] == "unknown"
    assert int(found["cores"]) >= 1


def test_an_accelerator_is_named_by_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    device = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")
    monkeypatch.setattr(versions.tf.config, "list_physical_devices", lambda kind: [device])
    monkeypatch.setattr(
        versions.tf.config.experimental, "get_device_details", lambda device: {"device_name": "NVIDIA H200"}
    )
    assert training_versions("float32")["devices"] == "/physical_device:GPU:0 (NVIDIA H200)"
