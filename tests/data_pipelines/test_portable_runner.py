import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from tests.data_pipelines.portable_runner import REPOSITORY, portable_service


@pytest.fixture(scope="module")
def service() -> Iterator[list[str]]:
    with portable_service(workers=2) as options:
        yield options


def with_process(number: int) -> tuple[int, int]:
    return os.getpid(), number


@pytest.mark.slow
def test_a_sum_over_two_worker_processes_is_right(service: list[str]) -> None:
    test_process = os.getpid()
    with beam.Pipeline(options=PipelineOptions(service)) as pipeline:
        numbers = pipeline | beam.Create(range(1000)) | beam.Reshuffle() | beam.Map(with_process)
        total = numbers | beam.Values() | beam.CombineGlobally(sum)
        assert_that(total, equal_to([499_500]), label="sum")
        processes = numbers | beam.Keys() | beam.Distinct()
        count = processes | beam.combiners.Count.Globally()
        assert_that(count, equal_to([2]), label="processes")
        here = processes | beam.Filter(lambda process: process == test_process)
        assert_that(here, equal_to([]), label="none of them is this one")


STARTS_AND_IS_KILLED = """
import os, signal
from tests.data_pipelines.portable_runner import portable_service

with portable_service() as options:
    print(options[1].rpartition(":")[2], options[3].rpartition(":")[2], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_the_service_ends_with_a_process_that_was_killed(tmp_path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", STARTS_AND_IS_KILLED],
        cwd=REPOSITORY,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    ports = [int(port) for port in killed.stdout.split()]
    deadline = time.monotonic() + 30
    while any(listens(port) for port in ports):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
