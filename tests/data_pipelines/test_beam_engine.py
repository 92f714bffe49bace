"""The engine on Beam: what its folder holds while it runs, and what a killed run left there."""

import os
from pathlib import Path

import pytest

from data_pipelines.pairs_builder.beam_engine import BeamEngine
from data_pipelines.pairs_builder.jobs import TFDS_JOBS
from lfsr_tf.hashing import sha256_file


def test_jobs_do_not_wait_for_the_disk_and_what_a_killed_run_left_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    folder = tmp_path / ".jobs"
    folder.mkdir()
    # Cut off as a kill leaves a job, an answer, and a job that only the killed run had.
    (folder / "000000.json").write_text('{"kind": "ha')
    (folder / "000007.json").write_text('{"kind": "ha')
    (folder / "answers-00000-of-00001").write_text('{"number": 7, "answer": {"result": "ol')
    scans = [tmp_path / f"{name}.txt" for name in "ab"]
    for scan in scans:
        scan.write_text(scan.name)
    jobs = [{"kind": "hash", "name": scan.name, "path": str(scan)} for scan in scans]
    engine = BeamEngine(TFDS_JOBS, folder, ["--direct_running_mode=in_memory"])
    answered = dict(engine.run(jobs))
    assert {number: result["sha256"] for number, result in answered.items()} == {
        number: sha256_file(scan) for number, scan in enumerate(scans)
    }
    assert not flushed
    assert not folder.exists()
