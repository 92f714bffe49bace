"""`lfsr serve` as a process: it starts, answers, and ends when it is told to."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import nibabel as nib
import numpy as np
import pytest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub
from typer.testing import CliRunner, Result

from lfsr_tf.cli.app import app
from lfsr_tf.cli.enhance import enhance
from lfsr_tf.cli.serve import serve
from lfsr_tf.errors import ConfigError, LfsrError, ModelError
from lfsr_tf.models import load_model
from lfsr_tf.serving import export_model
from lfsr_tf.serving.predict_request import predict_request
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.warmup import write_warmup

Run = Callable[..., Result]
FREE_PORTS = ("--port", "0", "--rest-api-port", "0")


@contextmanager
def serving(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """A server's process, and the addresses that it prints."""
    with serving_of([sys.executable, "-m", "lfsr_tf", "serve", *map(str, arguments)]) as started:
        yield started


@contextmanager
def serving_of(
    command: list[str], env: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The same of a command that runs the server in another way."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    addresses = {}
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.match(r"  (gRPC|REST|page)  (\S+)", line):
                addresses[found[1]] = found[2]
            if "Ctrl+C" in line:
                break
        yield process, addresses
    finally:
        process.kill()
        process.communicate()


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as response:
        return bytes(response.read())


@pytest.fixture(scope="session")
def versions(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one exported version, which is not warmed up: that takes a server most of its start."""
    base = tmp_path_factory.mktemp("base")
    return export_model(load_model(run_folder), base, "brain", warm_up=(), check=False).parent


@pytest.mark.slow
def test_a_run_is_served_and_scans_are_enhanced_behind_it(
    run_command: Run, run_folder: Path, small_scan: Callable[..., Path], tmp_path: Path
) -> None:
    scan = small_scan()
    run_command(enhance, scan, "-m", run_folder, "-o", tmp_path / "here", "--dtype", "float32")
    with serving(run_folder, *FREE_PORTS) as (process, addresses):
        for kind in ("gRPC", "REST"):
            done = run_command(enhance, scan, "--server", addresses[kind], "-o", tmp_path / kind)
            assert done.exit_code == 0, (done.output, done.exception)
        assert b"request_count" in get(f"{addresses['page']}monitoring/prometheus/metrics")
        assert b"<html" in get(addresses["page"])
        process.send_signal(signal.SIGTERM)
        printed, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "Traceback" not in printed + errors
    expected, *found = (
        nib.load(tmp_path / kind / "sub-01_T2w_sr.nii.gz").get_fdata() for kind in ("here", "gRPC", "REST")
    )
    for each in found:
        assert np.abs(each - expected).max() <= 1e-5 * expected.max()


@pytest.mark.slow
def test_what_is_under_way_is_finished_before_the_end(versions: Path) -> None:
    images = np.random.default_rng(0).random((16, 128, 128, 1), np.float32)
    body = json.dumps({"instances": images.round(2).tolist()}).encode()
    answers = []
    with serving(versions, "--name", "brain", *FREE_PORTS) as (process, addresses):
        request = urllib.request.Request(f"{addresses['REST']}:predict", body)

        def ask() -> None:
            with urllib.request.urlopen(request, timeout=60) as response:
                answers.append((response.status, len(json.load(response)["predictions"])))

        asking = threading.Thread(target=ask)
        asking.start()
        inside = f"{addresses['page']}monitoring/prometheus/metrics"
        while asking.is_alive() and b"lfsr_requests_inside 1.0" not in get(inside):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        asking.join(60)
        process.communicate(timeout=30)
    assert answers == [(200, 16)]
    assert process.returncode == 0


STUCK = """
import functools, os, sys, threading
from lfsr_tf.lean_import import import_tensorflow
import_tensorflow()
from lfsr_tf.serving.server import options
from lfsr_tf.serving.server.models.servable import Servable

predict, sign = Servable.predict, sys.argv[1] + ".stuck"
def stuck(*arguments):
    if os.path.exists(sign):
        threading.Event().wait()
    return predict(*arguments)
Servable.predict = stuck
options.Limits = functools.partial(options.Limits, shutdown_seconds=1.0)
sys.argv = ["lfsr", "serve", *sys.argv[2:]]
from lfsr_tf.cli.app import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gRPC", "REST", "page"])
def test_a_request_that_never_ends_does_not_keep_the_process(
    kind: str, versions: Path, tmp_path: Path, small_scan: Callable[..., Path]
) -> None:
    scan = small_scan()
    stuck, scratch = tmp_path / "server", tmp_path / "scratch"
    scratch.mkdir()
    environment = {**os.environ, "TMPDIR": str(scratch)}
    command = [sys.executable, "-c", STUCK, str(stuck), str(versions), *FREE_PORTS]
    with serving_of(command, env=environment) as (process, addresses):
        Path(f"{stuck}.stuck").touch()
        channel = grpc.insecure_channel(addresses["gRPC"].split("/")[2])
        if kind == "gRPC":
            call = PredictionServiceStub(channel).Predict
            asked = call.future(predict_request("lfsr", "", {"image": np.ones((1, 8, 8, 1), np.float32)}))
        else:
            body = json.dumps({"instances": np.ones((1, 8, 8, 1)).tolist()}).encode()
            url = f"{addresses['REST']}:predict"
            if kind == "page":
                body, url = scan.read_bytes(), f"{addresses['page']}page/enhance?name=scan.nii.gz"
            request = urllib.request.Request(url, body)
            threading.Thread(target=lambda: _failing(request), daemon=True).start()
        inside = f"{addresses['page']}monitoring/prometheus/metrics"
        deadline = time.monotonic() + 20.0
        while b"lfsr_requests_inside 1.0" not in get(inside):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        printed, errors = process.communicate(timeout=20)
        if kind == "gRPC":  # whose call would be cancelled if it were not kept
            assert isinstance(asked.exception(5.0), grpc.RpcError)
        channel.close()
    assert process.returncode == 0, errors
    assert "finishing what is under way" in printed
    assert [path for path in scratch.iterdir() if path.name.startswith("lfsr-")] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_is_told_to_end_while_it_loads_gives_the_load_up(
    number: int, run_command: Run, versions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm = tmp_path / "brain"
    shutil.copytree(versions, warm)
    write_warmup(warm / "1", "brain")
    played = []

    def told(*request: object) -> None:
        played.append(request)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(Servable, "predict", told)
    done = run_command(serve, warm, *FREE_PORTS)
    assert done.exit_code == 0, (done.output, done.exception)
    assert len(played) == 1  # of one for each signature
    assert "Ctrl+C" not in done.output


def _failing(request: urllib.request.Request) -> None:
    with pytest.raises(OSError):
        urllib.request.urlopen(request, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((), ConfigError, "a model or --model-config-file"),
        (("MODEL", "--model-config-file", "x"), ConfigError, "one of them"),
        (("--model-config-file", "missing.config"), ConfigError, "No such file"),
        (("--model-config-file", "missing.config", "--name", "x"), ConfigError, "no --model-name"),
        (("VERSION",), ConfigError, "a version. Give"),
        (("MODEL", "--dtype", "float32"), ConfigError, "Give it to `lfsr export`"),
        (("nothing",), LfsrError, "nothing"),
        (("RUN", "--dtype", "int8"), LfsrError, "Received: 'int8'"),
        (("MODEL", "--host", "everywhere"), ConfigError, "an IP address"),
        (("MODEL", "--port", "70000"), ConfigError, "from 0 to 65535"),
        (("MODEL", "--port", "9000", "--rest-api-port", "9000"), ConfigError, "two ports"),
        (("MODEL", "--max-request-mib", "0"), ConfigError, "request_bytes"),
        (("MODEL", "--max-request-mib", "2048"), ConfigError, "gRPC's limit"),
        (("MODEL", "--max-running", "0"), ConfigError, "running"),
        (("MODEL", "--engine", "steam"), ConfigError, "auto, lfsr or tensorflow"),
        (("MODEL", "--engine", "tensorflow"), ConfigError, "tensorflow_model_server on the PATH"),
    ],
)
def test_what_cannot_be_served_is_one_line(
    arguments: tuple[str, ...],
    error: type[LfsrError],
    message: str,
    run_command: Run,
    versions: Path,
    run_folder: Path,
) -> None:
    places = {"MODEL": str(versions), "VERSION": str(versions / "1"), "RUN": str(run_folder)}
    result = run_command(serve, *(places.get(each, each) for each in arguments))
    assert isinstance(result.exception, error), (result.exception, result.output)
    assert message in str(result.exception) and "\n" not in str(result.exception)


def test_a_folder_whose_only_version_does_not_load_is_one_line(run_command: Run, tmp_path: Path) -> None:
    (tmp_path / "lfsr" / "1").mkdir(parents=True)
    result = run_command(serve, tmp_path / "lfsr", *FREE_PORTS)
    assert isinstance(result.exception, ModelError)
    assert "version 1: Expected a SavedModel that loads" in str(result.exception)


@pytest.fixture
def native(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tensorflow_model_server on the PATH that writes down its arguments and configuration, and exits 3."""
    program, said = tmp_path / "bin" / "tensorflow_model_server", tmp_path / "said"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nfor each in "$@"; do echo "$each" >> {said}; done\n'
        f'for each in "$@"; do case "$each" in --*_config_file=*) cat "${{each#*=}}" >> {said};; esac; done\n'
        "exit 3\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return said


def test_tensorflow_s_own_server_is_started_where_all_addresses_are_allowed(
    native: Path, versions: Path
) -> None:
    # Its options as it has them.
    asked = ("--host", "0.0.0.0", "--port", "8600", "--rest_api_port", "8601", "--model_name", "brain")
    result = CliRunner().invoke(app, ["serve", str(versions), *asked, "--max-waiting", "7"])
    assert result.exit_code == 3
    assert "no --max-running and --max-waiting" in " ".join(result.stderr.split())
    said = native.read_text()
    assert "--port=8600\n--rest_api_port=8601\n" in said
    assert 'name: "brain"' in said and f'base_path: "{versions}"' in said
    assert "/monitoring/prometheus/metrics" in said


@pytest.mark.parametrize("host", ["127.0.0.1", "10.8.0.1", "fd00::1"])
def test_tensorflow_s_own_server_is_not_opened_to_all_addresses_unasked(
    native: Path, run_command: Run, versions: Path, host: str
) -> None:
    result = run_command(serve, versions, "--engine", "tensorflow", "--host", host)
    assert isinstance(result.exception, ConfigError)
    assert "give --host 0.0.0.0" in str(result.exception)
    assert not native.exists()
