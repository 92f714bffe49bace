"""Scans to a folder of TFRecord shards: finds the scans, splits by subject, and directs the worker processes.

This process never imports TensorFlow: the workers do the work, so it starts at once and needs little memory.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from lfsr_tf.errors import ConfigError, ScanError
from lfsr_tf.locking import exclusive
from lfsr_tf.pairs.config import DEFAULT_PRESET, PairsConfig, load_preset
from lfsr_tf.pairs.dataset import DESCRIPTION, DatasetInfo, fingerprint, open_dataset, write_description
from lfsr_tf.pairs.preparing.describe import describe
from lfsr_tf.pairs.preparing.pool import WorkerPool
from lfsr_tf.pairs.preparing.preparation import Preparation, Progress, failure_line, silent
from lfsr_tf.pairs.preparing.workspace import Workspace
from lfsr_tf.processors import usable_processors
from lfsr_tf.storage import exists

Paths = Path | str | Sequence[Path | str]


def prepare_dataset(
    train_sources: Paths,
    validation_sources: Paths | None,
    output: Path | str,
    config: PairsConfig | None = None,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    strict: bool = False,
    progress: Progress = silent,
) -> DatasetInfo:
    """Make TFRecord shards of LR/HR pairs (or of HR slices) from scans.

    A run that was killed is continued by the next one with the same arguments. The bytes depend on the scans,
    the settings and the versions of lfsr_tf and TensorFlow alone, not on the number of workers.

    Args:
        train_sources: A scan, a folder of scans, a manifest (`listing.list_scans`), or several of these.
        validation_sources: The same, of other subjects. None: a stable hash of the subject's name decides.
        output: Folder of the records; it may hold an unfinished run of the same preparation.
        config: Settings of the pairs. None: those of the preset "quick", as for `lfsr prepare`.
        workers: Most processes, each of about 0.7 GB of memory; None for one a core. No more start than
            there are scans or shards.
        overwrite: Make the records anew, whatever records stand in `output`: others, damaged ones, or these
            very ones, of which a scan failed for a reason that is gone.
        strict: Stop at the first scan that cannot be used, and leave nothing.
        progress: Called with a description and a total; gives a context manager of a function that counts
            steps.

    Returns:
        What `dataset.json` says.

    Raises:
        ScanError: Some scans could not be used; all others are in the records, which are complete. With
            `strict`, one could not.
        ConfigError: A subject is on both sides, a scan is there twice, or the settings do not suit the scans
            or an older run.
        OutputError: The records cannot be written; on a disk that was full the next run goes on.
        LfsrError: There is too little memory, or a worker died or cannot be started; the next run goes on.
    """
    config = config or load_preset(DEFAULT_PRESET)
    output, train, validation = Path(output), _paths(train_sources), _paths(validation_sources)
    with (
        _kept_alone(output),
        TemporaryDirectory(prefix="lfsr-") as logs,
        WorkerPool(_count(workers), Path(logs)) as pool,
    ):
        run = Preparation(pool, config, progress=progress, strict=strict)
        sources = run.hashed(run.listed(train, validation))
        workspace = Workspace(output, fingerprint(config, [asdict(source) for source in sources]))
        if overwrite or not workspace.is_complete():
            workspace.open(overwrite=overwrite)
            with workspace.discarded_on_refusal(), pool.stopped_on_error():
                built = run.build(sources, workspace)
                workspace.publish([shard.file for shard in built.shards])
                write_description(describe(workspace, config, built))
        # Also after a run that was killed when all but this was done.
        workspace.close()
    info = open_dataset(output)
    _raise_failures(info)
    return info


def _kept_alone(output: Path) -> AbstractContextManager[None]:
    """Exclusive use of the output, but for finished records that one may read only: these are looked at."""
    read_only = (output / DESCRIPTION).is_file() and not os.access(output, os.W_OK)
    return nullcontext() if read_only else exclusive(output)


def _paths(given: Paths | None) -> list[Path]:
    paths = [given] if isinstance(given, Path | str) else given or []
    for path in paths:
        if not exists(Path(path)):
            raise ScanError(f"Expected a scan or a folder of scans. Received: {path}, which does not exist.")
    return [Path(path) for path in paths]


def _count(workers: int | None) -> int:
    if workers is not None and workers < 1:
        raise ConfigError(f"Expected at least 1 worker. Received: {workers}.")
    return workers or usable_processors()


def _raise_failures(info: DatasetInfo) -> None:
    if info.failed:
        raise ScanError(failure_line(info.failed, len(info.sources), info.folder))
