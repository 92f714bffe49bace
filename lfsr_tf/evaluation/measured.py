"""The outer-band test over several files of measured k-space, added to the results of a study."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras

from lfsr_tf.errors import OutOfMemoryError, ScanError
from lfsr_tf.evaluation.methods import build_methods
from lfsr_tf.evaluation.outer_band import OuterBandScore, outer_band_scores
from lfsr_tf.evaluation.results import Results
from lfsr_tf.evaluation.study import Progress, scan_names
from lfsr_tf.networks import TrainedModel
from lfsr_tf.scans import read_scan
from lfsr_tf.scans.scan import Scan


def with_measured_kspace(
    results: Results,
    model: TrainedModel | keras.Model,
    scans: Sequence[Scan | Path],
    *,
    progress: Progress | None = None,
) -> Results:
    """Judge the model of a study on measured low-field k-space too.

    Args:
        results: From `evaluate`, of the same model; its settings are used.
        model: The model.
        scans: Scans with raw k-space, or the files that hold them.
        progress: Called with 1 after each scan.

    Returns:
        The results with `outer_band` filled in; a scan that cannot be used is added to `failures`.
    """
    network = model.model if isinstance(model, TrainedModel) else model
    methods = build_methods(network, results.config)
    scores: list[OuterBandScore] = []
    failures = list(results.failures)
    for entry, name in zip(scans, scan_names(scans), strict=True):
        try:
            scan = read_scan(entry) if isinstance(entry, Path) else entry
            found = outer_band_scores(scan, methods, results.scale, results.config)
            scores += [dataclasses.replace(score, scan=name) for score in found]
        except (ScanError, OutOfMemoryError) as error:
            failures.append((str(entry if isinstance(entry, Path) else entry.source), str(error)))
        if progress is not None:
            progress(1)
    return dataclasses.replace(results, outer_band=tuple(scores), failures=tuple(failures))
