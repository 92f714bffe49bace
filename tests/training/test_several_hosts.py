"""Two processes that talk over loopback train as one does, and end together when one is killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.networks import load_model
from lfsr_tf.pairs import PairsConfig
from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.hosts import Hosts
from lfsr_tf.training.several_hosts import join_hosts, pass_by_proxies, shares
from tests.training.history import read_rows
from tests.training.phantom_pairs import prepare_phantoms
from tests.training.test_meeting import free_ports
from tests.warm import WarmProcess, lfsr

EPOCHS = 4
HOSTS = 2
# As gRPC reads it.
DIRECT = "no_grpc_proxy"
# As a user's: what this process tells TensorFlow to log is not theirs.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
SETTINGS = {
    "epochs": EPOCHS,
    "network_settings": "{blocks=1, filters=4}",
    "batch_size": 8,
    "steps_per_epoch": 4,
    "validation_steps": "none",
    "learning_rate": 0.01,
    "schedule": "cosine",
    "clip_norm": 0.01,  # below the gradients' norm
    "dtype_policy": "float32",
}


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs from two phantoms; the last validation batch is a small one."""
    return prepare_phantoms(tmp_path_factory.mktemp("pairs"), PairsConfig(patches_per_slice=9))


def words(records: Path, run: Path) -> list[str]:
    """What is trained, and how."""
    changes = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    return ["train", str(records), "-o", str(run), "--preset", "demo", *changes]


class Training:
    """`lfsr train` in a process for each host, each with a log of its own."""

    def __init__(self, records: Path, run: Path, slurm: bool = False) -> None:
        command = [sys.executable, "-m", "lfsr_tf", *words(records, run)]
        ports = free_ports(HOSTS)
        self.logs = [run.with_name(f"{run.name}-{index}.log") for index in range(HOSTS)]
        self.processes = []
        for index, log in enumerate(self.logs):
            several, variables = by_slurm(index) if slurm else by_hand(index, ports)
            with log.open("wb") as stream:
                self.processes.append(
                    subprocess.Popen(
                        [*command, *several],
                        env=ENVIRONMENT | variables,
                        stdout=stream,
                        stderr=stream,
                    )
                )

    def codes(self) -> list[int]:
        return [process.wait(timeout=500) for process in self.processes]

    def said(self, index: int) -> str:
        return self.logs[index].read_text()


def by_hand(index: int, ports: list[int]) -> tuple[list[str], dict[str, str]]:
    addresses = ",".join(f"127.0.0.1:{port}" for port in ports)
    return ["--hosts", addresses, "--host-index", str(index)], {}


def by_slurm(index: int) -> tuple[list[str], dict[str, str]]:
    """What srun sets for two tasks on one node; the number of the job gives the port."""
    return ["--hosts", "slurm"], {
        "SLURM_JOB_ID": str(os.getpid()),
        "SLURM_PROCID": str(index),
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_STEP_TASKS_PER_NODE": "2",
        "SLURMD_NODENAME": "localhost",
    }


@pytest.fixture
def training(records: Path) -> Callable[..., Training]:
    started: list[Training] = []

    def start(*arguments: object, **options: bool) -> Training:
        started.append(Training(records, *arguments, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for process in (process for each in started for process in each.processes):
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def alone(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process."""
    run = tmp_path_factory.mktemp("alone") / "run"
    training = WarmProcess(lfsr, *words(records, run), log=run.with_name("log.txt"))
    status, printed = training.wait(500), training.communicate()[1]
    assert status == 0, printed
    return run


def assert_same_run(run: Path, expected: Path) -> None:
    rows, others = read_rows(run), read_rows(expected)
    assert [row["epoch"] for row in rows] == list(range(1, EPOCHS + 1))
    for name in ("loss", "psnr", "val_loss", "val_psnr", "learning_rate"):
        assert [row[name] for row in rows] == pytest.approx([row[name] for row in others], rel=1e-4)
    for name in ("best.keras", "last.keras"):
        models = [load_model(folder / name).model for folder in (run, expected)]
        for one, other in zip(*(model.get_weights() for model in models), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_two_hosts_give_the_losses_and_the_weights_of_one(
    training: Callable[..., Training], alone: Path, tmp_path: Path
) -> None:
    both = training(tmp_path / "run")
    assert both.codes() == [0, 0], both.said(0) + both.said(1)
    assert_same_run(tmp_path / "run", alone)
    # The first host reports, the other has nothing to say.
    assert "all epochs done" in both.said(0)
    assert both.said(1) == ""


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_after_a_kill_the_other_host_ends_in_one_line_and_the_run_goes_on(
    training: Callable[..., Training], alone: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    both = training(run)
    wait_for(lambda: (run / "history.csv").exists(), both)
    # The first one, which writes the run folder and which the others report to.
    os.kill(both.processes[0].pid, signal.SIGKILL)
    assert both.codes() == [-signal.SIGKILL, 1], both.said(1)
    lines = both.said(1).splitlines()
    assert len(lines) == 1, both.said(1)
    assert "no answer from host 0 (127.0.0.1:" in lines[0]

    afterwards = training(run, slurm=True)
    assert afterwards.codes() == [0, 0], afterwards.said(0) + afterwards.said(1)
    assert "Going on after epoch" in afterwards.said(0)
    assert_same_run(run, alone)


def wait_for(there: Callable[[], bool], training: Training) -> None:
    began = time.monotonic()
    while not there():
        assert all(process.poll() is None for process in training.processes), training.said(
            0
        ) + training.said(1)
        assert time.monotonic() < began + 500
        time.sleep(0.005)


@pytest.mark.parametrize("of", [1, 2, 3, 8])
def test_over_all_shares_every_pair_stands_in_one(of: int) -> None:
    numbers = tf.data.Dataset.range(21).map(lambda number: (number, -number))
    batches = numbers.batch(8)
    parts = [list(shares(batches, range(first, first + 1), of)) for first in range(of)]
    for step, (lr, _) in enumerate(batches):
        together = np.concatenate([part[step][0].numpy() for part in parts])
        np.testing.assert_array_equal(together, lr)
        sizes = [len(part[step][0]) for part in parts]
        assert max(sizes) - min(sizes) <= 1
        assert all(bool(tf.reduce_all(part[step][1] == -part[step][0])) for part in parts)


def test_a_host_with_two_devices_gets_their_shares_in_turn() -> None:
    batches = tf.data.Dataset.range(16).map(lambda number: (number, number)).batch(8)
    both = [lr.numpy().tolist() for lr, _ in shares(batches, range(2, 4), 4)]
    assert both == [[4, 5], [6, 7], [12, 13], [14, 15]]
    assert int(shares(batches, range(2, 4), 4).cardinality()) == 4
    assert int(shares(batches.repeat(), range(2, 4), 4).cardinality()) == tf.data.INFINITE_CARDINALITY


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"jit_compile": True}, "jit_compile=false on 2 devices"),
        ({"steps_per_execution": 2}, "steps_per_execution=1 on 2 devices"),
        ({"batch_size": 5}, "2 devices can share evenly"),
        ({"dtype_policy": "mixed_float16"}, "Take mixed_bfloat16"),
    ],
)
def test_what_several_hosts_cannot_do_is_refused_before_they_meet(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        join_hosts(Hosts(("127.0.0.1:1", "127.0.0.1:2"), 0), TrainConfig(**settings))


@pytest.mark.parametrize("kept", ["", "elsewhere"])
def test_hosts_are_connected_directly_where_there_is_a_proxy(
    monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    """By gRPC itself, which TensorFlow has, too: the proxy takes calls and never answers."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("grpc_proxy", "https_proxy", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.setenv(DIRECT, kept)
        pass_by_proxies(Hosts((f"127.0.0.1:{port}", "[::1]:2", "127.0.0.1:3"), 1))
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(timeout=20)
    server.stop(None).wait()
    expected = {"127.0.0.1", "::1", kept} - {""}
    assert set(os.environ[DIRECT].split(",")) == expected
