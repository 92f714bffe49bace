"""A worker process that is killed ends the pipeline and the other workers at once, whenever that is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data_pipelines.conftest import workers_of

REPOSITORY = Path(__file__).resolve().parents[3]
PROGRAM = """
import time
import apache_beam as beam
from data_pipelines.running.runner import new_pipeline
from data_pipelines.running.workers import safe_local_run

def work(number):
    print("at work", flush=True)
    time.sleep(600)

with safe_local_run(), new_pipeline(["--direct_num_workers=2"]) as pipeline:
    pipeline | beam.Create(range(8)) | beam.Reshuffle() | beam.Map(work)
"""
FIRST_SECOND, AT_WORK = "before it has answered", "at work"


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("moment", [FIRST_SECOND, AT_WORK])
def test_the_death_of_a_worker_ends_the_pipeline_and_the_others(moment: str, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdout=stream,
            stderr=stream,
            cwd=REPOSITORY,
            start_new_session=True,
        )
    wait_for(lambda: len(workers_of(process.pid)) == 2)
    if moment == AT_WORK:
        wait_for(lambda: AT_WORK in log.read_text())
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    assert process.wait(60) == 1
    assert "Worker subprocess exited with return code" in log.read_text()
    wait_for(lambda: not workers_of(process.pid))


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "nothing happened for a minute"
        time.sleep(0.05)
