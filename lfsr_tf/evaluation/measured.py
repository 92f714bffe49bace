"""The outer-band test over several files of measured k-space, added to the results of a study."""

from __future__ import annotations

import dataclasses

from lfsr_tf.errors import OutOfMemoryError, ScanError
from lfsr_tf.evaluation.given import GivenScans, named_scans, opened
from lfsr_tf.evaluation.methods import Network, build_methods
from lfsr_tf.evaluation.other_networks import OtherNetworks, check_networks
from lfsr_tf.evaluation.outer_band import OuterBandScore, outer_band_scores
from lfsr_tf.evaluation.results import Results
from lfsr_tf.evaluation.study import Progress


def with_measured_kspace(
    results: Results,
    model: Network,
    scans: GivenScans,
    *,
    against: OtherNetworks | None = None,
    progress: Progress | None = None,
) -> Results:
    """Judge the networks of a study on measured low-field k-space too.

    Args:
        results: From `evaluate`, of the same model; its settings are used.
        model: The model.
        scans: A scan with raw k-space, or a file that holds one, or several of these.
        against: The other networks, as `evaluate` had them.
        progress: Called with 1 after each scan.

    Returns:
        The results with `outer_band` filled in; a scan that cannot be used is added to `failures`.

    Raises:
        ConfigError, ModelError: As `evaluate`, of the other networks.
    """
    others = {} if against is None else against
    check_networks(others, results.scale)
    methods = build_methods(model, results.config, others)
    scores: list[OuterBandScore] = []
    failures = list(results.failures)
    for name, scan in named_scans(scans).items():
        try:
            found = outer_band_scores(opened(scan), methods, results.scale, results.config)
            scores += [dataclasses.replace(score, scan=name) for score in found]
        except (ScanError, OutOfMemoryError) as error:
            failures.append((name, str(error)))
        if progress is not None:
            progress(1)
    return dataclasses.replace(results, outer_band=tuple(scores), failures=tuple(failures))
