"""The sentences that warn of a test that a model was not trained for, or was trained on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lfsr_tf.evaluation.results import Results, VolumeFacts, in_millimetres
from lfsr_tf.model_info import ModelInfo, scan_mark, unlearnt_noise, unlearnt_voxels, within
from lfsr_tf.physics.scanners import differing_settings, scanner_settings


def cautions(results: Results, info: ModelInfo) -> tuple[str, ...]:
    """Where the test differs from the training; of what is not known nothing is said.

    Args:
        results: Settings and volumes of the test.
        info: What is known of the model.

    Returns:
        A sentence or two for each difference, in one line.
    """
    return (
        *_of_acquisition(scanner_settings(results.config.acquisition), info.acquisition),
        *_of_noise(results.config.sigmas, info.sigma_range),
        *_of_voxels(results.volumes, info.spacing_range_mm),
        *of_scans([volume.sha256 for volume in results.volumes], info),
    )


def of_scans(hashes: Sequence[str | None], info: ModelInfo) -> Iterator[str]:
    """Where scans that a model is judged by had a part in its training.

    Args:
        hashes: SHA-256 of each scan; None where it is not known.
        info: What is known of the model.
    """
    marks = [hash and scan_mark(hash) for hash in hashes]
    trained_on, validated_on = set(info.trained_on), set(info.validated_on)
    if known := sum(mark in trained_on for mark in marks):
        yield (
            f"{known} of {len(marks)} scans were trained on: the figures do not tell how the model does on "
            "others. Leave these out."
        )
    if known := sum(mark in validated_on for mark in marks):
        yield (
            f"{known} of {len(marks)} scans chose the epoch of the training, by its validation loss: the "
            "figures are a little too good. For those to publish, keep other scans back."
        )


def copies(volumes: Sequence[VolumeFacts]) -> Iterator[str]:
    """Where a scan was given more than once, and counts as often."""
    by_file: dict[str, list[str]] = {}
    for volume in volumes:
        # Volumes of one file are numbered.
        name = re.sub(r" \(\d+\)$", "", volume.scan)
        if volume.sha256 and name not in by_file.setdefault(volume.sha256, []):
            by_file[volume.sha256].append(name)
    equal = [names for names in by_file.values() if len(names) > 1]
    if equal:
        yield (
            f"{sum(map(len, equal)) - len(equal)} scans are copies of others (such as {equal[0][0]} and "
            f"{equal[0][1]}): they count more than once, as other people if their names say so. Leave them "
            "out."
        )


def _of_acquisition(tested: Mapping[str, Any], trained: Mapping[str, Any] | None) -> Iterator[str]:
    if trained is None:
        return
    if differing := differing_settings(trained, tested):
        in_training, here = (
            ", ".join(f"{name} = {json.dumps(sides[place])}" for name, sides in differing.items())
            for place in (0, 1)
        )
        yield (
            f"The model was trained for another acquisition ({in_training}) than it is tested with ({here}): "
            "these are not its figures under its own. Give --acquisition and the preset of its records."
        )


def _of_noise(sigmas: Sequence[float], limits: tuple[float, float] | None) -> Iterator[str]:
    beyond = [f"{sigma:g}" for sigma in sigmas if within((sigma,), limits) is False]
    if beyond and limits is not None:
        yield unlearnt_noise(f"Noise of {' and '.join(beyond)} of the reference intensity", limits)


def _of_voxels(volumes: Sequence[VolumeFacts], limits: tuple[float, float] | None) -> Iterator[str]:
    beyond = [volume.lr_spacing_mm for volume in volumes if within(volume.lr_spacing_mm, limits) is False]
    if beyond and limits is not None:
        sizes = f"{in_millimetres(beyond)} in {len(beyond)} of {len(volumes)} volumes"
        yield unlearnt_voxels(f"Voxels of {sizes}", limits)
