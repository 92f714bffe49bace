"""Which hosts train together, as it is given by hand, by TF_CONFIG and by Slurm, and how they meet."""

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.training.hosts import Hosts, HostsError, find_hosts
from lfsr_tf.training.meeting import meet

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "slurm" / "train.sbatch"
SLURM = {
    "SLURM_JOB_ID": "4711",
    "SLURM_PROCID": "2",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NODELIST": "gpu[8-11]",
    "SLURM_STEP_TASKS_PER_NODE": "1(x4)",
    "SLURMD_NODENAME": "gpu10",
}


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


PARAMETER_SERVER = '{"cluster": {"ps": ["a:1"], "worker": ["b:1"]}, "task": {"type": "ps", "index": 0}}'


@pytest.mark.parametrize("text", ["", "{}", "[1]", PARAMETER_SERVER])
def test_a_tf_config_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"Expected TF_CONFIG as .*cluster"):
        find_hosts("tf-config", environment={"TF_CONFIG": text})


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def met(addresses: list[str], indices: list[int], wait_s: float) -> dict[int, str]:
    """What each host has to say after a meeting: nothing where all came."""
    said: dict[int, str] = {}

    def come(index: int) -> None:
        try:
            meet(Hosts(tuple(addresses), index, wait_s))
            said[index] = ""
        except HostsError as error:
            said[index] = str(error)

    threads = [threading.Thread(target=come, args=(index,)) for index in indices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


def test_three_hosts_meet_in_any_order_and_the_port_is_free_afterwards() -> None:
    ports = free_ports(3)
    assert met([f"127.0.0.1:{port}" for port in ports], [2, 0, 1], 30) == {0: "", 1: "", 2: ""}
    socket.create_server(("127.0.0.1", ports[0])).close()


def test_a_host_that_does_not_come_is_named() -> None:
    addresses = [f"127.0.0.1:{port}" for port in free_ports(3)]
    said = met(addresses, [0, 1], 1.0)
    assert f"nothing from host 2 ({addresses[2]})" in said[0]
    assert f"nothing from host 0 ({addresses[0]})" in said[1]


def test_a_first_host_that_does_not_come_is_named() -> None:
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    assert f"nothing from host 0 ({addresses[0]})" in met(addresses, [1], 0.5)[1]


def test_strangers_and_hosts_of_another_training_are_turned_away() -> None:
    ports = free_ports(2)
    addresses = [f"127.0.0.1:{port}" for port in ports]
    said: dict[int, str] = {}
    first = threading.Thread(target=lambda: said.update(met(addresses, [0], 3.0)))
    first.start()
    other = met([addresses[0], "127.0.0.1:9"], [1], 3.0)
    assert "another list of hosts or version" in other[1]
    first.join()
    assert "nothing from host 1" in said[0]


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = met([f"127.0.0.1:{port}", "127.0.0.1:9"], [0], 1.0)
    assert f"port {port} to be free" in said[0]


@pytest.fixture
def begun() -> Iterator[int]:
    """Port of a gRPC server, as TensorFlow starts one when all hosts have met."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait()


def test_a_host_that_comes_alone_to_a_training_that_has_begun_is_told_so(begun: int) -> None:
    said = met([f"127.0.0.1:{begun}", "127.0.0.1:9"], [1], 20.0)
    assert "an answer of another program on its port" in said[1]
    assert "End all hosts, and start all of them again." in said[1]
    assert "\n" not in said[1]


def has_ipv6_loopback() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6_loopback(), reason="no IPv6 on this machine")
@pytest.mark.parametrize("other", ["[::1]", "elsewhere"], ids=["loopback", "all interfaces"])
def test_hosts_meet_over_ipv6(other: str) -> None:
    first, second = free_ports(2)
    assert met([f"[::1]:{first}", f"{other}:{second}"], [1, 0], 10) == {0: "", 1: ""}


def test_hosts_of_several_machines_meet_over_ipv4() -> None:
    first, second = free_ports(2)
    assert met([f"127.0.0.1:{first}", f"elsewhere:{second}"], [1, 0], 10) == {0: "", 1: ""}
