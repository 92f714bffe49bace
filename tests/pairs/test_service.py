import json
import subprocess
import sys
from pathlib import Path

import pytest

from lfsr_tf.pairs.service import main
from tests.pairs.many_shards import in_shards
from tests.pairs.private_network import ENTER, needs_private_network

SERVICE = [sys.executable, "-m", "lfsr_tf.pairs.service"]
CLIENT = Path(__file__).parent / "service_client.py"


@pytest.fixture(scope="module", autouse=True)
def private_network() -> None:
    needs_private_network()


@pytest.mark.slow
def test_two_workers_give_every_pair_once_and_the_bytes_of_one_process(
    pairs_records: Path, slices_records: Path, tmp_path: Path
) -> None:
    folders = [
        in_shards(pairs_records, tmp_path / "pairs", [30, 1, 19, 26]),
        in_shards(slices_records, tmp_path / "slices", [5, 1, 6, 4]),
    ]
    command = [sys.executable, str(CLIENT), "grpc://127.0.0.1:5050", *map(str, folders)]
    done = subprocess.run([*SERVICE, "run", "--workers", "2", "--", *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report.pop("interfaces") == ["lo"]
    assert report.keys() == {"pairs", "slices"}
    for seen in report.values():
        assert seen.pop("records") > 20
        assert seen == {"same bytes": True, "exactly once": True}


def test_the_command_ends_with_its_own_status() -> None:
    command = [sys.executable, "-c", "raise SystemExit(7)"]
    done = subprocess.run([*SERVICE, "run", "--workers", "1", "--", *command], capture_output=True)
    assert done.returncode == 7


def test_a_command_that_loses_a_worker_is_ended_with_an_error() -> None:
    # The launcher's last child but one is the second worker.
    code = (
        "import os, signal, time; parent = os.getppid();"
        "children = open(f'/proc/{parent}/task/{parent}/children').read().split();"
        "os.kill(int(children[-2]), signal.SIGKILL); time.sleep(60)"
    )
    command = [*SERVICE, "run", "--workers", "2", "--", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert done.returncode == 1
    assert "outlive the command" in done.stderr.splitlines()[-1]


def test_a_command_that_does_not_exist_is_one_line() -> None:
    done = subprocess.run([*SERVICE, "run", "--", "nosuchcommand"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Expected a program to run. Received: nosuchcommand" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "role", [["dispatcher"], ["worker", "--dispatcher", "127.0.0.1:1", "--address", "127.0.0.1:2"]]
)
def test_no_server_opens_a_port_to_the_outside_unless_told(
    role: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(role) == 1
    assert "--all-interfaces" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:²", "127.0.0.1:"])
def test_a_worker_needs_a_port(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    role = ["worker", "--dispatcher", "127.0.0.1:1", "--address", address, "--all-interfaces"]
    assert main(role) == 1
    assert "host:port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["run", "--workers", "0", "--", "true"], "at least 1 worker. Received: 0"),
        (["run", "--workers", "2", "--port", "65534", "--", "true"], "from 1 to 65533. Received: 65534"),
        (["dispatcher", "--port", "99999", "--all-interfaces"], "from 1 to 65535. Received: 99999"),
        (["dispatcher", "--port", "0", "--all-interfaces"], "from 1 to 65535. Received: 0"),
        (["worker", "--dispatcher", "a:1", "--address", "b:99999", "--all-interfaces"], "Received: 99999"),
    ],
)
def test_what_no_server_can_be_asked_for_is_one_line(
    words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    printed = capsys.readouterr().err
    assert reason in printed and len(printed.splitlines()) == 1


def test_a_port_in_use_is_one_line() -> None:
    code = (
        f"{ENTER}; import socket, sys; from lfsr_tf.pairs.service import main;"
        "held = socket.socket(); held.bind(('0.0.0.0', 5050)); held.listen();"
        "sys.exit(main(['dispatcher', '--all-interfaces']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Expected port 5050 to be free" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
