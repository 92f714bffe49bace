"""kill -9 at random moments: the next run goes on, nothing is lost or doubled, the best is the true best."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.networks import load_model
from lfsr_tf.pairs import PairsConfig, validation_data
from tests.training.history import read_rows
from tests.training.phantom_pairs import prepare_phantoms
from tests.warm import WarmProcess, lfsr

# Ten kills let at most forty epochs pass.
EPOCHS = 45
KILLS = 10
BATCH = 8


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few hundred pairs from two phantoms."""
    return prepare_phantoms(tmp_path_factory.mktemp("pairs"), PairsConfig(patches_per_slice=16))


def start(records: Path, run: Path, log: Path) -> WarmProcess:
    # A rate at which the validation loss goes up and down, so that the best epoch is seldom the last.
    settings = {
        "network_settings": "{blocks=1, filters=4}",
        "batch_size": BATCH,
        "epochs": EPOCHS,
        "steps_per_epoch": 4,
        "learning_rate": 0.02,
        "schedule": "constant",
        "warmup_steps": 0,
        "dtype_policy": "float32",  # so that the value can be computed again to rounding
    }
    changes = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    command = ("train", str(records), "-o", str(run), "--preset", "demo")
    return WarmProcess(lfsr, *command, *changes, log=log)


def kill_at_a_random_moment(process: WarmProcess, run: Path, moments: random.Random) -> None:
    """Let up to three epochs pass, then strike somewhere in the next: while it trains, saves or cleans up."""
    began = time.monotonic()
    epochs, commits = moments.randint(0, 3), [began]
    logs, stamp = set(run.glob("tensorboard/train/*")), modified(run / "state.json")
    while len(commits) <= epochs or set(run.glob("tensorboard/train/*")) == logs:
        assert process.poll() is None
        assert time.monotonic() < began + 240
        if modified(run / "state.json") != stamp:
            stamp = modified(run / "state.json")
            commits.append(time.monotonic())
        time.sleep(0.005)
    an_epoch = commits[-1] - commits[-2] if len(commits) > 2 else 0.5
    time.sleep(moments.uniform(0.0, an_epoch))
    assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def modified(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_training_killed_ten_times_ends_with_every_epoch_once_and_the_true_best(
    records: Path, tmp_path: Path
) -> None:
    run, moments = tmp_path / "run", random.Random(0)
    for _ in range(KILLS):
        kill_at_a_random_moment(start(records, run, tmp_path / "log"), run, moments)
        if (run / "best.keras").exists():
            load_model(run)
    last = start(records, run, tmp_path / "log")
    assert last.wait(timeout=600) == 0, (tmp_path / "log").read_text()

    history = read_rows(run)
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
