"""Run by test_devices in its own process: logical devices are made before TensorFlow's first use."""

import dataclasses
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.fit import train_on
from lfsr_tf.training.progress import EpochReport, SilentProgress
from lfsr_tf.training.sources import PairSource
from lfsr_tf.training.state import RunState


def tiny_source() -> PairSource:
    """Random pairs of LR 8 x 8 in batches of four; the last validation batch has one, for one device."""

    def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        hr = tf.random.stateless_uniform((4, 16, 16, 1), tf.stack([step, 1]))
        return hr[:, ::2, ::2], hr

    validation = tf.data.Dataset.range(900, 902).map(batch).unbatch().take(5).batch(4)
    return PairSource(
        lambda first_epoch: tf.data.Dataset.range(first_epoch * 4, 2**31).map(batch), validation, 4, {}
    )


class StoppedError(BaseException):
    """Stands for a kill between two epochs."""


class StopsAfterOne(SilentProgress):
    """Ends the run after its first epoch."""

    def epoch(self, report: EpochReport) -> None:
        raise StoppedError


def main(folder: Path) -> None:
    """Train on one device, on two, and on two after an epoch on one, and print the curves."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    report: dict[str, object] = {}
    config = TrainConfig(
        network="ResidualSR",
        network_settings={"blocks": 1, "filters": 4},
        batch_size=4,
        epochs=3,
        learning_rate=1e-3,
        # Far below the gradients' norm, so that every step is clipped.
        clip_norm=1e-3,
    )
    with suppress(StoppedError):
        train_on(tiny_source(), folder / "one, then two", config, StopsAfterOne())
    for name in ("one", "two", "one, then two"):
        devices = dataclasses.replace(config, distribute="two" in name)
        train_on(tiny_source(), folder / name, devices, SilentProgress())
        rows = RunState.read(folder / name / "state.json").history
        report[name] = [[row["loss"], row["val_loss"], row["val_psnr"]] for row in rows]
    # Its gradients have other shapes, which sums under the same keys would not fit.
    other = dataclasses.replace(
        config, epochs=1, distribute=True, network_settings={"blocks": 2, "filters": 6}
    )
    train_on(tiny_source(), folder / "other", other, SilentProgress())
    report["two, another network"] = RunState.read(folder / "other" / "state.json").history
    report["replicas"] = len(tf.config.list_logical_devices("CPU"))
    print(json.dumps(report))


main(Path(sys.argv[1]))
