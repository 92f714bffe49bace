"""Which hosts train together, as it is given by hand, by TF_CONFIG and by Slurm."""

import json
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.training.hosts import Hosts, find_hosts

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "slurm" / "train.sbatch"
SLURM = {
    "SLURM_JOB_ID": "4711",
    "SLURM_PROCID": "2",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NODELIST": "gpu[8-11]",
    "SLURM_STEP_TASKS_PER_NODE": "1(x4)",
    "SLURMD_NODENAME": "gpu10",
}


@pytest.mark.parametrize("wait_s", [0.0, -1.0, float("inf"), float("nan"), 1e300])
def test_a_wait_that_is_none_or_has_no_end_is_refused(wait_s: float) -> None:
    with pytest.raises(ConfigError, match=rf"wait_s above 0.*Received: {re.escape(str(wait_s))}"):
        Hosts(("a:1", "b:1"), 0, wait_s)


def test_without_hosts_a_process_is_alone_whatever_its_environment_says() -> None:
    assert find_hosts(None, environment=SLURM) is None


def test_addresses_and_an_index_are_taken_as_given() -> None:
    hosts = find_hosts("a:2222, b:2223", 1)
    assert hosts is not None
    assert (hosts.addresses, hosts.index, hosts.first) == (("a:2222", "b:2223"), 1, False)
    assert hosts.name(0) == "host 0 (a:2222)"


def test_a_host_finds_itself_in_the_list_by_its_name() -> None:
    hosts = find_hosts(f"elsewhere:2222,{socket.gethostname()}:2222")
    assert hosts is not None
    assert hosts.index == 1


@pytest.mark.parametrize(
    ("given", "index", "message"),
    [
        ("a:1", 0, "at least two"),
        ("a:1,a:1", 0, "at least two"),
        ("a:1,b", 0, "host:port"),
        ("a:1,b:99999", 0, "host:port"),
        ("a:1,b:1", 2, "0 to 1"),
        ("a:1,b:1", None, "one address of this machine"),
        (None, 1, "--hosts with --host-index"),
        ("slurm", 1, "no index with slurm"),
    ],
)
def test_a_list_that_is_no_cluster_is_refused(given: str | None, index: int | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find_hosts(given, index, SLURM)


def test_slurm_gives_each_task_its_host_in_the_order_of_ranks() -> None:
    hosts = find_hosts("slurm", environment=SLURM)
    assert hosts is not None
    # As text gpu10 comes before gpu8, and rank 2 would be on the wrong host.
    assert hosts.addresses == tuple(f"gpu{number}:16711" for number in (8, 9, 10, 11))
    assert (hosts.index, hosts.first) == (2, False)


def test_slurm_tasks_of_one_node_get_ports_of_their_own() -> None:
    tasks = SLURM | {"SLURM_STEP_NODELIST": "n1,n2", "SLURM_STEP_TASKS_PER_NODE": "2(x2)"}
    tasks["SLURMD_NODENAME"] = "n2"
    hosts = find_hosts("slurm", environment=tasks)
    assert hosts is not None
    assert hosts.addresses == ("n1:16711", "n1:16712", "n2:16711", "n2:16712")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"SLURM_PROCID": "one"}, "as srun sets them"),
        ({"SLURMD_NODENAME": "gpu9"}, "distribution=block"),
        (
            {"SLURM_STEP_NODELIST": "gpu8", "SLURM_STEP_TASKS_PER_NODE": "1", "SLURM_PROCID": "0"},
            "at least two",
        ),
    ],
)
def test_slurm_variables_that_do_not_fit_are_refused(changed: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find_hosts("slurm", environment=SLURM | changed)


def test_outside_of_a_slurm_step_its_variables_are_missed() -> None:
    with pytest.raises(ConfigError, match="SLURM_STEP_NODELIST"):
        find_hosts("slurm", environment={})


def test_the_slurm_script_is_sound_and_starts_the_command_with_its_arguments(tmp_path: Path) -> None:
    """`srun` and `lfsr` are stood in for: what reaches the command is what it would get from Slurm."""
    assert subprocess.run(["bash", "-n", str(SCRIPT)], check=False).returncode == 0
    srun = tmp_path / "srun"
    srun.write_text("#!/bin/bash\nprintf '%s\\n' \"$@\"\n")
    srun.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["bash", str(SCRIPT), "my records", "runs/ours", "--set", "batch_size=64"]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    words = printed.splitlines()
    assert words[words.index("lfsr") :][:3] == ["lfsr", "train", "my records"]
    assert words[-4:] == ["--hosts", "slurm", "--set", "batch_size=64"]
    assert subprocess.run(command[:2], env=environment, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize(("kind", "index", "expected"), [("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2)])
def test_tf_config_counts_the_chief_first(kind: str, index: int, expected: int) -> None:
    cluster = {"worker": ["b:1", "c:1"], "chief": ["a:1"]}
    text = json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})
    hosts = find_hosts("tf-config", environment={"TF_CONFIG": text})
    assert hosts is not None
    assert (hosts.addresses, hosts.index) == (("a:1", "b:1", "c:1"), expected)


@pytest.mark.parametrize(("kind", "index"), [("chief", 1), ("chief", -1), ("worker", 2)])
def test_a_tf_config_that_numbers_no_task_of_its_kind_is_refused(kind: str, index: int) -> None:
    cluster = {"worker": ["b:1", "c:1"], "chief": ["a:1"]}
    text = json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})
    with pytest.raises(ConfigError, match=f"no {kind} {index}"):
        find_hosts("tf-config", environment={"TF_CONFIG": text})


PARAMETER_SERVER = '{"cluster": {"ps": ["a:1"], "worker": ["b:1"]}, "task": {"type": "ps", "index": 0}}'


@pytest.mark.parametrize("text", ["", "{}", "[1]", PARAMETER_SERVER])
def test_a_tf_config_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"Expected TF_CONFIG as .*cluster"):
        find_hosts("tf-config", environment={"TF_CONFIG": text})
