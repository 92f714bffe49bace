"""Runs the jobs of a preparation on Beam: in processes of this machine, or on any number of machines.

A pipeline carries the names of the jobs and their answers; scans, slices and shards stand in files on a file
system that all workers see. So a runner needs little memory, and what a killed run has done stays done.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam

from data_pipelines.pairs_builder.beam_options import PreparationOptions
from data_pipelines.running.runner import new_pipeline
from data_pipelines.running.workers import safe_local_run
from lfsr_tf.errors import LfsrError
from lfsr_tf.pairs.preparing.jobs import Job, answer, result_of
from lfsr_tf.placing import remove
from lfsr_tf.storage import read_json, write_json

_STOPPED = "stopped.json"


class BeamEngine:
    """An engine (`lfsr_tf.pairs.preparing.jobs.Engine`) on Beam.

    Args:
        kinds: The functions of the jobs, by kind; workers import them.
        folder: Where jobs and answers are kept while they run; all workers see it, nobody else uses it.
        options: Of the pipelines, as words of a command line; none: all cores of this machine.
    """

    def __init__(
        self, kinds: Mapping[str, Callable[..., Any]], folder: Path, options: Sequence[str] = ()
    ) -> None:
        self._kinds = dict(kinds)
        self._folder = folder.resolve()
        self._options = list(options)

    @property
    def strict(self) -> bool:
        """Whether the options ask to stop at the first scan that cannot be used."""
        return bool(PreparationOptions(self._options).strict)

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
        """Do all jobs; see `Engine.run`."""
        if all(job["kind"] == "find" for job in jobs):
            # One or two, of which the results are wanted here: less than it takes to start workers.
            yield from ((number, result_of(answer(job, self._kinds))) for number, job in enumerate(jobs))
            return
        files = self._written_jobs(jobs)
        try:
            self._run_pipeline(files)
        except Exception as error:
            if not (self._folder / _STOPPED).exists():
                raise LfsrError(
                    f"A Beam pipeline failed, what is done is kept: {_last_line(error)}"
                ) from error
        yield from self._answers()
        remove(self._folder)

    def _written_jobs(self, jobs: Sequence[Job]) -> list[str]:
        """The files of the jobs. No run reads those of another one, so none need be on the disk."""
        remove(self._folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        files = [self._folder / f"{number:06d}.json" for number in range(len(jobs))]
        for file, job in zip(files, jobs, strict=True):
            file.write_text(json.dumps(job, allow_nan=False), encoding="utf-8")
        return [str(file) for file in files]

    def _run_pipeline(self, files: list[str]) -> None:
        with safe_local_run(), new_pipeline(self._options) as pipeline:
            _ = (
                pipeline
                | "Jobs" >> beam.Create(files)
                # Without it a runner may do all of them in one bundle, in one process.
                | "Spread" >> beam.Reshuffle()
                | "Do" >> beam.ParDo(_DoJob(self._kinds, self.strict))
                | "Answers" >> beam.io.WriteToText(str(self._folder / "answers"))
            )

    def _answers(self) -> Iterator[tuple[int, Any]]:
        stopped = self._folder / _STOPPED
        lines = [json.dumps(read_json(stopped))] if stopped.exists() else self._written()
        for line in lines:
            answered = json.loads(line)
            yield answered["number"], result_of(answered["answer"])

    def _written(self) -> Iterator[str]:
        for file in sorted(self._folder.glob("answers-*")):
            with file.open(encoding="utf-8") as stream:
                yield from stream


class _DoJob(beam.DoFn):
    """From the file of a job to a line with its number and its answer."""

    def __init__(self, kinds: Mapping[str, Callable[..., Any]], strict: bool) -> None:
        self._kinds = kinds
        self._strict = strict

    def setup(self) -> None:
        # The processes fill the cores. By these names, since not every job needs TensorFlow.
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
            os.environ.setdefault(name, "1")

    def process(self, file: str) -> Iterator[str]:
        stopped = Path(file).with_name(_STOPPED)
        if stopped.exists():
            return
        job = read_json(Path(file))
        answered = answer(job, self._kinds)
        numbered = {"number": int(Path(file).stem), "answer": answered}
        if self._strict and job["kind"] == "scan" and "error" in answered:
            write_json(stopped, numbered)
            raise LfsrError(answered["message"])
        yield json.dumps(numbered)


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
