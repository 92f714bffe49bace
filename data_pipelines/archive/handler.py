"""Enhancing one scan after another in a worker, through Beam's `RunInference`.

The elements are names of scans, not voxels: one volume at a time is in a worker's memory. Everything between
the file and the result, the sidecar included, is `lfsr enhance`'s own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from apache_beam.ml.inference.base import ModelHandler

from data_pipelines.archive.done import claimed, is_done, mark_path, remember, remove_leftovers, scan_hashes
from data_pipelines.archive.settings import STOP, ArchiveSettings, Outcome, Task
from data_pipelines.archive.table import rows_of
from lfsr_tf.cli.console import messages
from lfsr_tf.cli.quiet import with_quiet_tensorflow
from lfsr_tf.errors import LfsrError, first_line
from lfsr_tf.placing import remove

ONE_THREAD = {
    # A process a core: threads of TensorFlow, oneDNN and OpenMP on top would get in each other's way.
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # Several processes may share a GPU.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}
SCANS_A_LINE = 100


def look_at(task: Task, settings: ArchiveSettings) -> Task | Outcome | None:
    """See whether a scan is done.

    Returns:
        Its outcome where it is done or cannot be read; else its task with the key that it is to be done
        under; None where the run has been stopped.
    """
    if stopped(settings):
        return None
    try:
        key = settings.key(scan_hashes(settings.source(task), settings.archive))
        if not is_done(settings.target(task), key):
            return Task(task.name, task.target, key)
        remove(mark_path(settings.target(task)))  # of a run that was killed when all but this was done
        return Outcome(task.name, rows_of(settings, task))
    except Exception as error:
        return failed(task, error, settings)


def stopped(settings: ArchiveSettings) -> bool:
    """Whether to leave the other scans: a strict run has met a broken one, or the command was killed."""
    if settings.driver is not None:
        try:
            os.kill(settings.driver, 0)
        except ProcessLookupError:
            return True
    return settings.strict and (settings.output / STOP).exists()


def failed(task: Task, error: Exception, settings: ArchiveSettings) -> Outcome:
    """What is said of a scan that could not be used; a strict run is stopped."""
    # Whatever a library made of a broken file, the other scans have nothing to do with it.
    line = str(error) if isinstance(error, LfsrError) else f"{type(error).__name__}: {first_line(error)}"
    if settings.strict:
        settings.output.mkdir(parents=True, exist_ok=True)
        (settings.output / STOP).touch()
    return Outcome(task.name, error=" ".join(line.split()))


class _ReadyModel:
    """A model in this process, and what it has done."""

    def __init__(self, enhancer: Any, settings: ArchiveSettings) -> None:
        self._enhancer, self._settings = enhancer, settings
        self._count = 0
        # Some runners give a process several bundles at once; the memory is for one volume.
        self._turn = threading.Lock()

    def enhance(self, task: Task) -> Outcome | None:
        """Enhance a scan, unless the run has been stopped."""
        with self._turn:
            if stopped(self._settings):
                return None
            try:
                outcome = self._enhanced(task)
            except Exception as error:
                outcome = failed(task, error, self._settings)
            self._count += 1
            if self._count % SCANS_A_LINE == 0:
                _report(self._count, task)
        return outcome

    def _enhanced(self, task: Task) -> Outcome:
        from lfsr_tf.inference.files import enhance_file
        from lfsr_tf.inference.jobs import Job, earlier_files

        settings, target = self._settings, self._settings.target(task)
        job = Job(settings.source(task), target)
        with claimed(target):
            remove_leftovers(target)
            enhance_file(self._enhancer, job, output_format=settings.output_format, overwrite=True)
            remember(target, task.key, [*earlier_files(job), job.sidecar])
        return Outcome(task.name, rows_of(settings, task), fresh=True)


class ArchiveHandler(ModelHandler[Task, Outcome, _ReadyModel]):
    """Loads the exported model once a process, and enhances tasks with it."""

    def __init__(self, settings: ArchiveSettings) -> None:
        """Take the settings; the model itself is loaded by the workers."""
        super().__init__(min_batch_size=1, max_batch_size=1, env_vars=ONE_THREAD)
        self._settings = settings

    def load_model(self) -> _ReadyModel:
        """Load the model.

        Raises:
            ModelError: It does not load.
        """
        return _ReadyModel(with_quiet_tensorflow(make_enhancer)(self._settings), self._settings)

    def run_inference(
        self, batch: Sequence[Task], model: _ReadyModel, inference_args: dict[str, Any] | None = None
    ) -> Iterator[Outcome]:
        """Enhance the scans of a batch, one at a time."""
        for task in batch:
            outcome = model.enhance(task)
            if outcome is not None:
                yield outcome


def make_enhancer(settings: ArchiveSettings) -> Any:
    """The model, ready for scans; from here on TensorFlow is loaded.

    Raises:
        ModelError: The model does not load, or was not exported by `lfsr export`.
        ConfigError: A setting does not fit the model.
    """
    from data_pipelines.archive.exported_model import load_exported
    from lfsr_tf.inference import EnhanceConfig, Enhancer

    return Enhancer(load_exported(settings.model), EnhanceConfig(**settings.enhance))


def _report(count: int, task: Task) -> None:
    """A line on the worker's standard error, which for local workers is the command's."""
    messages.print(
        f"worker {os.getpid()}: {count} scans, the last one {task.name}", soft_wrap=True, markup=False
    )
