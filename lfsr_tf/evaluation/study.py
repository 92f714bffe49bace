"""The evaluation itself: simulate, apply every method, score, volume by volume.

Only one volume is in memory at a time; what stays are its figures and at most one slice of each contrast.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lfsr_tf.errors import ModelError, OutOfMemoryError, ScanError
from lfsr_tf.evaluation.acquisitions import LowField, StudyVolume, acquire, study_volume
from lfsr_tf.evaluation.cautions import cautions, copies
from lfsr_tf.evaluation.config import EvaluationConfig
from lfsr_tf.evaluation.given import GivenScans, hash_of, named_scans, opened
from lfsr_tf.evaluation.methods import MODEL, Method, Network, bare, build_methods
from lfsr_tf.evaluation.metrics import METRICS, REGIONS, Images, Scores, Truth, Values
from lfsr_tf.evaluation.other_networks import OtherNetworks, check_networks
from lfsr_tf.evaluation.results import Picture, Results, SliceScore, VolumeFacts, json_value
from lfsr_tf.networks import TrainedModel, scale_of, takes_noise_level
from lfsr_tf.pairs.config import SCALES
from lfsr_tf.scans.scan import Scan

Progress = Callable[[int], None]


def evaluate(
    model: Network,
    scans: GivenScans,
    config: EvaluationConfig | None = None,
    *,
    against: OtherNetworks | None = None,
    progress: Progress | None = None,
) -> Results:
    """Compare a network with the baselines, and with others, on simulated low-field acquisitions.

    Args:
        model: A trained model with its metadata, or a bare Keras model from [B, h, w, 1], or [B, h, w, 2]
            with the noise level as the second channel, to [B, H, W, 1].
        scans: A high-field volume, or a file or DICOM folder that holds one, or several of these; paths are
            read one at a time.
        config: Noise levels, baselines and definitions; the defaults of `EvaluationConfig` if not given.
        against: Other networks of the same scale, by the short names under which they stand beside the
            baselines: {"first": ..., "second": ...}. They see the very same images.
        progress: Called with 1 after each scan and noise level.

    Returns:
        Every slice's figures. A scan that cannot be used is listed in `failures` and left out. Where a
        trained model's metadata tell that it was trained for something else, `warnings` says so.

    Raises:
        ScanError: Not one scan could be used.
        ModelError: The network is not a super-resolution network for one-channel images, by 2 or 4, or
            another one is not, or of another scale.
        ConfigError: Another network's name is one that the report has for something else.
        OutOfMemoryError: The device has not enough memory for a batch of slices.
    """
    config, others = config or EvaluationConfig(), {} if against is None else against
    scale = _known_scale(bare(model))
    check_networks(others, scale)
    methods = build_methods(model, config, others)
    results = compare(methods, scans, config, scale=scale, progress=progress)
    return dataclasses.replace(
        results,
        model=_metadata(model),
        against={name: _metadata(network) for name, network in others.items()},
        warnings=_warnings(results, {MODEL: model, **others}),
    )


def compare(
    methods: dict[str, Method],
    scans: GivenScans,
    config: EvaluationConfig,
    *,
    scale: int = 2,
    progress: Progress | None = None,
) -> Results:
    """Compare any methods, by name; otherwise as `evaluate`. The results describe no model."""
    scores: list[SliceScore] = []
    pictures: list[Picture] = []
    failures: list[tuple[str, str]] = []
    volumes: list[VolumeFacts] = []
    advance = progress or (lambda steps: None)
    for name, scan in named_scans(scans).items():
        try:
            volume = study_volume(opened(scan), name, scale, config)
        except (ScanError, OutOfMemoryError) as error:
            failures.append((name, str(error)))
            advance(len(config.sigmas))
            continue
        volumes.append(_facts(volume, scan))
        truth = Truth(volume.truth, volume.masks, volume.lr_shape, _data_range(volume.truth, config))
        illustrate = volume.contrast not in {picture.contrast for picture in pictures}
        for sigma in config.sigmas:
            new_scores, new_pictures = _compare(volume, truth, sigma, methods, config, illustrate)
            scores += new_scores
            pictures += new_pictures
            advance(1)
    _check_used(volumes, failures)
    used, failed = tuple(volumes), tuple(failures)
    return Results(config, {}, scale, tuple(scores), tuple(pictures), failures=failed, volumes=used)


def _known_scale(network: keras.Model) -> int:
    scale = scale_of(network)
    if scale not in SCALES:
        known = " or ".join(map(str, SCALES))
        raise ModelError(
            f"Expected a network that enlarges by {known}. Received: {network.name}, which enlarges by "
            f"{scale}. Choose another one."
        )
    return scale


def _warnings(results: Results, networks: OtherNetworks) -> tuple[str, ...]:
    """What is to be said of the scans, and of each network; of another one it begins with its name."""
    of_networks = (
        sentence if name == MODEL else f"{name}: {sentence}"
        for name, network in networks.items()
        if isinstance(network, TrainedModel)
        for sentence in cautions(results, network.info)
    )
    return *copies(results.volumes), *of_networks


def _check_used(volumes: list[VolumeFacts], failures: list[tuple[str, str]]) -> None:
    if not volumes:
        reason = failures[0][1] if failures else "Name some scans."
        raise ScanError(
            f"Expected at least one usable scan. Received: {len(failures)}, none usable. {reason}"
        )


def _facts(volume: StudyVolume, scan: Scan | Path) -> VolumeFacts:
    height, width = volume.spacing_mm
    return VolumeFacts(
        scan=volume.name,
        subject=volume.subject,
        contrast=volume.contrast,
        sha256=hash_of(scan),
        hr_spacing_mm=volume.spacing_mm,
        lr_spacing_mm=(height * volume.scale, width * volume.scale),
    )


def _compare(
    volume: StudyVolume,
    truth: Truth,
    sigma: float,
    methods: dict[str, Method],
    config: EvaluationConfig,
    illustrate: bool,
) -> tuple[list[SliceScore], list[Picture]]:
    """Score every method on one volume at one noise level, and keep a slice to show where asked."""
    low = acquire(volume, sigma, config)
    outputs = {name: method(low) for name, method in methods.items()}
    figures = {name: truth.scores(images) for name, images in outputs.items()}
    scores = [
        score
        for name, regions in figures.items()
        for region in REGIONS
        for score in _rows(volume, sigma, name, region, regions[region])
    ]
    return scores, [_picture(volume, sigma, low, outputs, figures)] if illustrate else []


def _rows(volume: StudyVolume, sigma: float, method: str, region: str, figures: Scores) -> list[SliceScore]:
    return [
        SliceScore(
            scan=volume.name,
            subject=volume.subject,
            contrast=volume.contrast,
            slice_index=int(index),
            sigma=sigma,
            method=method,
            region=region,
            **{metric: float(figures[metric][position]) for metric in METRICS},
        )
        for position, index in enumerate(volume.indices[volume.chosen])
    ]


def _picture(
    volume: StudyVolume,
    sigma: float,
    low: LowField,
    outputs: dict[str, Images],
    figures: dict[str, dict[str, Scores]],
) -> Picture:
    """The slice that shows most of the head: the same one at every noise level."""
    shown = int(np.argmax(volume.masks.sum(axis=(1, 2))))

    def turned(images: Images) -> Images:
        # A copy: a view would keep the whole volume in memory.
        return volume.hanging.turned(images[shown]).copy()

    return Picture(
        scan=volume.name,
        subject=volume.subject,
        contrast=volume.contrast,
        slice_index=int(volume.indices[volume.chosen[shown]]),
        sigma=sigma,
        lr=turned(low.images),
        hr=turned(volume.truth),
        outputs={name: turned(images) for name, images in outputs.items()},
        psnr={name: float(regions["head"]["psnr"][shown]) for name, regions in figures.items()},
    )


def _data_range(truth: Images, config: EvaluationConfig) -> Values:
    """What PSNR and SSIM divide by; HR slices are in units of the volume's reference, so that is 1."""
    if config.data_range == "volume":
        return np.ones(len(truth))
    return np.asarray(truth.max(axis=(1, 2)), dtype=np.float64)


def _metadata(model: Network) -> dict[str, Any]:
    network = bare(model)
    info = json_value(model.info) if isinstance(model, TrainedModel) else {}
    # Of hundreds of scans; what they say of the test is among the warnings.
    info = {key: value for key, value in info.items() if key not in ("trained_on", "validated_on")}
    return {
        "name": network.name,
        "parameters": int(network.count_params()),
        "takes_noise_level": takes_noise_level(network),
        **info,
    }
