"""kill -9 at random moments: the next run goes on, nothing is lost or doubled, the best is the true best."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.networks import load_model
from lfsr_tf.pairs import PairsConfig, prepare_dataset, validation_data
from lfsr_tf.scans import phantom_scan, write_scan
from lfsr_tf.training.state import read_history

EPOCHS = 40
KILLS = 10
BATCH = 8


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few hundred pairs from two phantoms."""
    folder = tmp_path_factory.mktemp("pairs")
    for name, subject in (("train", 1), ("val", 2)):
        write_scan(phantom_scan(subject, "T2w", slices=4), folder / name / f"sub-{subject}_T2w.nii.gz")
    config = PairsConfig(patches_per_slice=16)
    prepare_dataset(folder / "train", folder / "val", folder / "records", config, workers=1)
    return folder / "records"


def start(records: Path, run: Path) -> subprocess.Popen[bytes]:
    # A rate at which the validation loss goes up and down, so that the best epoch is seldom the last.
    settings = {
        "network_settings": "{blocks=1, filters=4}",
        "batch_size": BATCH,
        "epochs": EPOCHS,
        "steps_per_epoch": 4,
        "learning_rate": 0.02,
        "schedule": "constant",
        "warmup_steps": 0,
    }
    changes = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    command = [
        sys.executable,
        "-m",
        "lfsr_tf",
        "train",
        str(records),
        "-o",
        str(run),
        "--preset",
        "demo",
        *changes,
    ]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def kill_once_it_trains(process: subprocess.Popen[bytes], run: Path, delay: float) -> None:
    """Wait until this process has begun to train (a new TensorBoard log), and `delay` seconds more."""
    logs = set(run.glob("tensorboard/train/*"))
    deadline = time.monotonic() + 120
    while set(run.glob("tensorboard/train/*")) == logs:
        assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(delay)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_training_killed_ten_times_ends_with_every_epoch_once_and_the_true_best(
    records: Path, tmp_path: Path
) -> None:
    run, moments = tmp_path / "run", random.Random(0)
    for _ in range(KILLS):
        kill_once_it_trains(start(records, run), run, delay=moments.uniform(0.0, 3.0))
        if (run / "best.keras").exists():
            load_model(run)
    last = start(records, run)
    _, errors = last.communicate(timeout=300)
    assert last.returncode == 0, errors.decode()

    history = read_history(run / "history.csv")
    assert [row["epoch"] for row in history] == list(range(1, EPOCHS + 1))
    losses = [row["val_loss"] for row in history]
    best = load_model(run)
    assert value_of(best.model, records) == pytest.approx(min(losses), rel=1e-5)
    assert best.info.metrics["val_loss"] == min(losses)
    assert value_of(load_model(run / "last.keras").model, records) == pytest.approx(losses[-1], rel=1e-5)
    assert losses[-1] < losses[0]
    assert not list(run.rglob(".partial-*"))
    assert not list((run / "backup").iterdir())


def value_of(model: Callable, records: Path) -> float:
    """Mean squared error over all validation pairs, in NumPy."""
    pairs = [(lr, hr) for lr, hr in validation_data(records, BATCH)]
    errors = np.concatenate([(hr.numpy() - np.asarray(model(lr))).ravel() ** 2 for lr, hr in pairs])
    return float(errors.mean(dtype=np.float64))
