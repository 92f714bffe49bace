"""The pipeline: look at each scan, enhance what is missing, and gather what is known of all of them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apache_beam as beam
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.ml.inference.base import RunInference

from data_pipelines.archive.done import tidy
from data_pipelines.archive.handler import ArchiveHandler, look_at
from data_pipelines.archive.settings import FAILED, GOES_ON, STOP, TABLE, ArchiveSettings, Outcome, Task
from data_pipelines.archive.table import remove_reports, remove_unfinished_reports, write_reports
from lfsr_tf.errors import LfsrError, first_line
from lfsr_tf.placing import remove

if TYPE_CHECKING:
    from data_pipelines.archive.plan import Plan

_COUNTERS = "archive"
_KNOWN = "known"


@dataclass(frozen=True)
class Summary:
    """How many scans there are, and what became of them.

    Attributes:
        scans: All of them.
        enhanced: By this run.
        kept: Done by an earlier one.
        failed: Those in the list of failures.
        first_failure: Name and reason of the first one; "" where there is none.
    """

    scans: int
    enhanced: int
    kept: int
    failed: int
    first_failure: str


def run_archive(pipeline: beam.Pipeline, plan: Plan, settings: ArchiveSettings) -> Summary:
    """Enhance an archive.

    Args:
        pipeline: An empty one, on any runner whose workers see the archive, the model and the output under
            the same paths.
        plan: What there is to do.
        settings: How.

    Returns:
        What became of the scans.

    Raises:
        OutputError: A file with the name of a report stands there that is none.
        LfsrError: The runner failed, or lost scans on its way.
        KeyboardInterrupt: It was broken off.
    """
    remove_reports(settings)
    remove(settings.output / STOP)
    build(pipeline, plan, settings)
    with _tidied(plan, settings):
        try:
            result = pipeline.run()
            _wait(result)
        except Exception as error:
            reason = (str(error).strip().splitlines() or [first_line(error)])[-1]
            raise LfsrError(f"The pipeline failed: {reason} {GOES_ON}") from error
    return _summary(result, plan, settings)


def _wait(result: beam.runners.runner.PipelineResult) -> None:
    try:
        result.wait_until_finish()
    except KeyboardInterrupt:
        with suppress(Exception):  # not every runner can
            result.cancel()
        raise


@contextmanager
def _tidied(plan: Plan, settings: ArchiveSettings) -> Iterator[None]:
    """Leave nothing half-written, however the block ends, nor folders in which no scan could be used.

    Workers on this machine have ended then. What others have in hand is left to them, and to a rerun.
    """
    try:
        yield
    finally:
        remove(settings.output / STOP)
        if settings.driver is not None:
            tidy(settings.output, (settings.target(task) for task in plan.tasks))
            remove_unfinished_reports(settings)


def build(pipeline: beam.Pipeline, plan: Plan, settings: ArchiveSettings) -> None:
    """Put the steps on a pipeline."""
    looked_at = (
        pipeline
        | "Scans" >> beam.Create(plan.tasks, reshuffle=False)
        # Without it a runner may leave everything to the worker that names the scans.
        | "Divide among workers" >> beam.Reshuffle()
        | "Look" >> beam.ParDo(_Look(settings)).with_outputs(_KNOWN, main="missing")
    )
    enhanced = looked_at.missing | "Enhance" >> RunInference(ArchiveHandler(settings))
    refused = pipeline | "Refused" >> beam.Create(plan.refused, reshuffle=False)
    _ = (
        (looked_at[_KNOWN], enhanced, refused)
        | "All" >> beam.Flatten()
        | "Count" >> beam.Map(_counted)
        | "Gather" >> beam.combiners.ToList()
        | "Write" >> beam.Map(write_reports, settings)
    )


class _Look(beam.DoFn):
    """Sends what is missing on, and what is known already past the network."""

    def __init__(self, settings: ArchiveSettings) -> None:
        self._settings = settings

    def process(self, task: Task) -> Iterator[object]:
        found = look_at(task, self._settings)
        if isinstance(found, Outcome):
            yield beam.pvalue.TaggedOutput(_KNOWN, found)
        elif found is not None:
            yield found


def _counted(outcome: Outcome) -> Outcome:
    kind = "failed" if outcome.error else "enhanced" if outcome.fresh else "kept"
    Metrics.counter(_COUNTERS, kind).inc()
    return outcome


def _summary(result: beam.runners.runner.PipelineResult, plan: Plan, settings: ArchiveSettings) -> Summary:
    failures, named = _sources(settings, FAILED), set(_sources(settings, TABLE))
    scans = len(plan.tasks) + len(plan.refused)
    if len(failures) + len(named) != scans and not (settings.strict and failures):
        raise LfsrError(
            f"Expected word of {scans} scans. Received: of {len(failures) + len(named)}; the runner lost the "
            "others. Run it again, or on another runner."
        )
    enhanced = _count(result, "enhanced")
    first = next(iter(failures.items()), None)
    return Summary(
        scans, enhanced, len(named) - enhanced, len(failures), "" if first is None else ": ".join(first)
    )


def _sources(settings: ArchiveSettings, name: str) -> dict[str, str]:
    """The scans that a list names, with their errors."""
    try:
        with (settings.output / name).open(encoding="utf-8", newline="") as stream:
            return {line["source"]: line.get("error", "") for line in csv.DictReader(stream)}
    except FileNotFoundError as error:
        raise LfsrError(
            f"Expected the runner to write {settings.output / name}. Received: nothing. Use another runner."
        ) from error


def _count(result: beam.runners.runner.PipelineResult, name: str) -> int:
    found = result.metrics().query(MetricsFilter().with_namespace(_COUNTERS).with_name(name))["counters"]
    return sum(counter.result for counter in found)
