"""Clients that die, lie or dawdle, and versions that are broken, do not keep the server from its work."""

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictResponse

from lfsr_tf.serving.predict_request import predict_request
from tests.serving.server.factor_model import IMAGE, save_factor_model
from tests.serving.server.server_process import ServerProcess

PREDICT, METHOD = "/v1/models/lfsr:predict", "/tensorflow.serving.PredictionService/Predict"
MIB = 1 << 20
PATIENCE = 6.0
CLIENT = (
    "import grpc, sys; grpc.insecure_channel(sys.argv[1]).unary_unary(sys.argv[2])(sys.stdin.buffer.read())"
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lfsr")
    save_factor_model(folder / "1", 1.0)
    return folder


@pytest.fixture(scope="module")
def server(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One with little patience, but enough for a gigabyte on a machine that is busy."""
    log = tmp_path_factory.mktemp("log") / "log.txt"
    with ServerProcess(base, log, header_seconds=PATIENCE, body_seconds=PATIENCE, running=2) as process:
        yield process


def over_rest(server: ServerProcess) -> float:
    response = httpx.post(server.url + PREDICT, json={"inputs": IMAGE.tolist()}, timeout=10.0)
    response.raise_for_status()
    return float(np.max(response.json()["outputs"]))


def message(pixel: float = 1.0, signature: str = "") -> bytes:
    """A request over gRPC."""
    return bytes(predict_request("lfsr", signature, {"image": IMAGE * np.float32(pixel)}).SerializeToString())


@contextmanager
def dying_client(command: list[str], sent: bytes) -> Iterator[None]:
    """A client that is killed in the middle of its request."""
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with client:
        assert client.stdin is not None
        client.stdin.write(sent)
        client.stdin.close()
        yield
        assert client.poll() is None  # it still waits for its answer
        client.kill()


def busy(server: ServerProcess) -> bool:
    page = httpx.get(f"{server.url}/monitoring/prometheus/metrics").text
    return "lfsr_requests_inside 1.0" in page


def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("protocol", ["REST", "gRPC"])
def test_a_client_that_is_killed_while_it_waits_costs_at_most_a_line(
    protocol: str, server: ServerProcess
) -> None:
    before = server.log()
    if protocol == "REST":
        body = {"signature_name": "slow", "inputs": (IMAGE * 300).tolist()}
        command, sent = ["curl", "-s", "-d", "@-", server.url + PREDICT], json.dumps(body).encode()
    else:
        command = [sys.executable, "-c", CLIENT, f"127.0.0.1:{server.grpc_port}", METHOD]
        sent = message(300.0, "slow")
    with dying_client(command, sent):
        until(lambda: busy(server))
    assert over_rest(server) == 1.0
    until(lambda: not busy(server))
    assert len(server.log()) <= len(before) + 1


def test_a_client_that_is_killed_while_it_sends_costs_at_most_a_line(server: ServerProcess) -> None:
    before = server.log()
    raw = socket.create_connection(("127.0.0.1", server.rest_port))
    raw.sendall(f"POST {PREDICT} HTTP/1.1\r\ncontent-length: 1000\r\n\r\n".encode() + b"x" * 500)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    raw.close()  # as the kernel does it for a process that is killed: with a reset
    assert over_rest(server) == 1.0
    assert len(server.log()) <= len(before) + 1


@pytest.mark.parametrize("declared", [True, False])
def test_a_gigabyte_over_rest_is_refused_without_being_kept(declared: bool, server: ServerProcess) -> None:
    sent = 0

    def gigabyte() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(1024):
            yield b" " * MIB
            sent += MIB

    over_rest(server)
    server.forget_peak()
    before, headers = server.mebibytes, {"content-length": str(1024 * MIB)} if declared else {}
    response = httpx.post(server.url + PREDICT, content=gigabyte(), headers=headers, timeout=30.0)
    assert response.status_code == 413
    assert sent == 1024 * MIB  # a client that reads no answer before it has sent all is heard out, too
    assert "at most 67108864 bytes" in response.json()["error"]
    assert server.mebibytes < before + 200
    assert over_rest(server) == 1.0


def test_a_message_over_the_limit_is_refused_without_being_kept(server: ServerProcess) -> None:
    server.forget_peak()
    before = server.mebibytes
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        call = channel.unary_unary(METHOD)
        for _ in range(3):
            with pytest.raises(grpc.RpcError) as refusal:
                call(b"x" * (65 * MIB), timeout=30.0)
            assert refusal.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert call(message(), timeout=10.0)
    assert server.mebibytes < before + 200


def test_those_who_dawdle_are_cut_and_the_others_served_meanwhile(server: ServerProcess) -> None:
    address = ("127.0.0.1", server.rest_port)
    head = b"POST /v1/models/lfsr:predict HTTP/1.1\r\nhost: localhost\r\n"
    slow = [socket.create_connection(address) for _ in range(400)]
    for number, client in enumerate(slow):
        client.sendall(head if number % 2 else head + b"content-length: 1000\r\n\r\n")
        client.setblocking(False)
    started, longest, left, said = time.monotonic(), 0.0, set(slow), set()
    while left and time.monotonic() < started + 3 * PATIENCE:
        for client in list(left):
            try:
                client.send(b"a")
                if not (came := client.recv(4096)):
                    left.discard(client)
                said.add(came[:12])
            except BlockingIOError:
                continue
            except OSError:
                left.discard(client)
        asked = time.monotonic()
        assert over_rest(server) == 1.0
        longest = max(longest, time.monotonic() - asked)
        time.sleep(0.1)
    for client in slow:
        client.close()
    assert not left
    assert b"HTTP/1.1 408" in said
    assert longest < PATIENCE / 2  # nobody waited until the others were cut


@contextmanager
def load(server: ServerProcess) -> Iterator[list[float]]:
    """Requests over both protocols without a break; the answers in their order, none of which may fail."""
    stop, answers = threading.Event(), []

    def rest() -> None:
        with httpx.Client() as client:
            while not stop.is_set():
                response = client.post(server.url + PREDICT, json={"inputs": IMAGE.tolist()}, timeout=10.0)
                response.raise_for_status()
                answers.append(float(np.max(response.json()["outputs"])))

    def rpc() -> None:
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            call = channel.unary_unary(METHOD)
            while not stop.is_set():
                response = PredictResponse.FromString(call(message(), timeout=10.0))
                answers.append(float(tf.make_ndarray(response.outputs["sr"]).max()))

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(each) for each in (rest, rpc)]
        try:
            yield answers
        finally:
            stop.set()
        for each in asked:
            each.result(15.0)


def states(server: ServerProcess) -> dict[int, tuple[str, str]]:
    """State and error of each version."""
    rows = httpx.get(f"{server.url}/v1/models/lfsr").json()["model_version_status"]
    return {int(row["version"]): (row["state"], row["status"]["error_message"]) for row in rows}


def break_version(folder: Path, kind: str) -> None:
    """Drop a version into the folder that cannot be served."""
    if kind == "empty":
        folder.mkdir()
    elif kind == "refused":
        save_factor_model(folder, 2.0, [("serving_default", {"image": IMAGE[0]})])
    elif kind == "aborting":
        save_factor_model(folder, 2.0, [("fragile", {"image": IMAGE[0]})])
    else:
        whole = save_factor_model(folder.parent.parent / f"whole-{kind}", 2.0)
        path = whole / ("saved_model.pb" if kind == "junk" else "variables/variables.data-00000-of-00001")
        path.write_bytes(b"junk" if kind == "junk" else path.read_bytes()[:-2])
        whole.rename(folder)


WORDS = {
    "empty": "Expected a SavedModel.",
    "junk": "Expected a SavedModel.",
    "truncated": "TensorFlow's C++ loader failed (exit 1): Read less bytes than requested",
    "refused": "is not compatible with expected shape",
    "aborting": "TensorFlow's C++ loader failed (exit -6): Check failed: ",
}
KINDS = {2: "empty", 3: "junk", 4: "truncated", 5: "refused", 6: "aborting"}


def test_broken_versions_change_nothing_and_a_good_one_takes_over_and_back_under_load(
    tmp_path: Path,
) -> None:
    base = tmp_path / "models" / "lfsr"
    base.mkdir(parents=True)
    save_factor_model(base / "1", 1.0)
    with ServerProcess(base, tmp_path / "log.txt") as server, load(server) as answers:
        for number, kind in KINDS.items():
            break_version(base / str(number), kind)
            until(lambda number=number: states(server).get(number, ("", ""))[0] == "END")
            time.sleep(0.3)  # it is not tried again
        found = states(server)
        assert found[1] == ("AVAILABLE", "")
        assert [number for number in KINDS if WORDS[KINDS[number]] not in found[number][1]] == []
        errors = [line for line in server.log() if line.startswith("ERROR")]
        assert [line.split(" ", 2)[2] for line in errors] == [
            f"lfsr: version {number} cannot be served: {found[number][1]}" for number in KINDS
        ]
        assert set(answers) == {1.0}
        save_factor_model(base / "7", 7.0)
        until(lambda: states(server)[1][0] == "END")
        for number in (7, *KINDS):
            shutil.rmtree(base / str(number))
        until(lambda: states(server)[7][0] == "END")
        assert states(server)[1] == ("AVAILABLE", "")
    changes = [new for old, new in zip([0.0, *answers], answers, strict=False) if new != old]
    assert (changes[0], changes[-1], set(changes)) == (1.0, 1.0, {1.0, 7.0})
    assert len(answers) > 100
