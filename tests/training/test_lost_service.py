"""A tf.data service that dies during a training ends it in one line; what was done is kept."""

import subprocess
import sys
from pathlib import Path

import pytest

from lfsr_tf.pairs import PairsConfig
from lfsr_tf.training.state import RunState
from tests.pairs.private_network import needs_private_network
from tests.training.lost_service import SETTINGS
from tests.training.phantom_pairs import prepare_phantoms


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs from two phantoms."""
    needs_private_network()
    return prepare_phantoms(tmp_path_factory.mktemp("pairs"), PairsConfig(patches_per_slice=16))


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_the_training_in_one_line(records: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "tests.training.lost_service", str(records), str(run)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 1, done.stderr[-3000:]
    said = done.stderr.splitlines()[-1]
    assert "service at grpc://127.0.0.1:5050. Received: no answer from any of its workers for 3 s." in said
    assert "Traceback" not in done.stderr
    assert 0 < RunState.read(run / "state.json").epochs_done < SETTINGS["epochs"]
