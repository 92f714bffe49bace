"""Fitting how large a network's error is to how much its results differ from view to view."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from lfsr_tf.error_model import INTERPOLATED, KNOWN, ErrorModel
from lfsr_tf.errors import ConfigError
from lfsr_tf.evaluation.acquisitions import LowField, StudyVolume, study_volume
from lfsr_tf.evaluation.cautions import of_scans
from lfsr_tf.evaluation.config import EvaluationConfig
from lfsr_tf.evaluation.given import GivenScans, hash_of, named_scans, opened
from lfsr_tf.evaluation.methods import Method, Network, bare, model_method
from lfsr_tf.evaluation.simulated_kspace import as_measured
from lfsr_tf.networks import TrainedModel, scale_of
from lfsr_tf.physics.scanners import differing_settings, scanner_settings
from lfsr_tf.physics.settings import RawImage
from lfsr_tf.physics.spread import neighbourhood_mean, result_and_variance
from lfsr_tf.physics.views import OWN, Offset, interpolated_views

Images = NDArray[np.float32]
# Voxels are alike: of each image every so many are enough, and keep a fit at seconds.
_EVERY = 7
# A fit weights by about the mean square error: relative errors count, bright edges no more than others.
_TYPICAL_SPREAD, _TYPICAL_FLOOR = 20.0, 1e-3


class ErrorSample(NamedTuple):
    """What is known of the voxels of one volume inside the head mask, each of [n].

    Attributes:
        noise_level: Sigma of one channel over the reference intensity.
        variance: Over the views, in the voxels' neighbourhoods, in units of the reference squared.
        mean_square: Error in the neighbourhoods.
        error: Of the voxels themselves.
    """

    noise_level: float
    variance: NDArray[np.float64]
    mean_square: NDArray[np.float64]
    error: NDArray[np.float64]


def calibrate(
    model: Network, scans: GivenScans, config: EvaluationConfig | None = None
) -> dict[str, ErrorModel]:
    """Fit the error models of a network on scans that it was not trained on.

    Args:
        model: The model.
        scans: High-field scans, whose low-field acquisitions are simulated.
        config: Noise levels, slices and their size. Its acquisition is the plain crop.

    Returns:
        By where the views come from, `KNOWN` and `INTERPOLATED`, for `ModelInfo.expected_error`.

    Warns:
        UserWarning: The model was trained on some of the scans, or they chose its epoch.

    Raises:
        ConfigError: The acquisition is another one.
        ScanError: A scan cannot be used.
    """
    # Read twice: an iterator would be used up.
    given = named_scans(scans)
    if isinstance(model, TrainedModel) and (model.info.trained_on or model.info.validated_on):
        for sentence in of_scans([hash_of(scan) for scan in given.values()], model.info):
            warnings.warn(sentence, stacklevel=2)
    samples = samples_by_subject(model, list(given.values()), config or EvaluationConfig(slices_per_volume=4))
    return {
        origin: fit_error_model([sample for found in of.values() for sample in found])
        for origin, of in samples.items()
    }


def samples_by_subject(
    model: Network, scans: GivenScans, config: EvaluationConfig
) -> dict[str, dict[str, list[ErrorSample]]]:
    """What `calibrate` fits to: samples by where the views come from and by subject.

    Raises:
        ConfigError: The acquisition is not the plain crop.
        ScanError: A scan cannot be used.
    """
    if differing := differing_settings(scanner_settings(config.acquisition), {}):
        raise ConfigError(
            "Expected the plain crop to calibrate for. Received: an acquisition with another "
            f"{', '.join(differing)}. Leave it out."
        )
    network = bare(model)
    method = model_method(network, config.batch_size)
    samples: dict[str, dict[str, list[ErrorSample]]] = {KNOWN: {}, INTERPOLATED: {}}
    for name, scan in named_scans(scans).items():
        volume = study_volume(opened(scan), name, scale_of(network), config)
        for origin, sample in error_samples(method, volume, config):
            samples[origin].setdefault(volume.subject, []).append(sample)
    return samples


def error_samples(
    method: Method, volume: StudyVolume, config: EvaluationConfig
) -> Iterator[tuple[str, ErrorSample]]:
    """Errors and spreads of one volume at each noise level, by where the views come from.

    Args:
        method: The network, as of `model_method`.
        volume: The truth.
        config: Noise levels.
    """
    for sigma in config.sigmas:
        band = as_measured(volume, sigma)
        for image in get_args(RawImage):
            low = band.low_field(image, "all")
            known = {OWN: low.images, **low.between}
            yield KNOWN, _sample(method, volume, low, known, averaged=known)
        low = band.low_field("magnitude")
        made = interpolated_views(low.images, volume.scale)
        yield INTERPOLATED, _sample(method, volume, low, made, averaged=[OWN])


def fit_error_model(samples: list[ErrorSample]) -> ErrorModel:
    """The three numbers that tell the mean square errors of samples best, by non-negative least squares."""
    rows, errors = [], []
    for sample in samples:
        variance, size = sample.variance[::_EVERY], len(sample.variance[::_EVERY])
        columns = variance, np.full(size, sample.noise_level**2), np.full(size, _TYPICAL_FLOOR)
        weights = 1.0 / (_TYPICAL_SPREAD * variance + _TYPICAL_FLOOR)
        rows.append(np.stack(columns, axis=1) * weights[:, None])
        errors.append(sample.mean_square[::_EVERY] * weights)
    (spread, noise, floor), _ = nnls(np.concatenate(rows), np.concatenate(errors))
    return ErrorModel(float(spread), float(noise), float(floor * _TYPICAL_FLOOR))


def _sample(
    method: Method,
    volume: StudyVolume,
    low: LowField,
    views: Mapping[Offset, Images],
    *,
    averaged: Collection[Offset],
) -> ErrorSample:
    results = {offset: method(replace(low, images=images, between={})) for offset, images in views.items()}
    both, unit = result_and_variance(results, averaged, volume.scale), np.float32(low.reference)
    error = (both[:, 0] - volume.truth) / unit
    found = both[:, 1] / np.square(unit), neighbourhood_mean(np.square(error), volume.scale), error
    inside = (np.asarray(image[volume.masks], np.float64) for image in found)
    return ErrorSample(low.noise_level, *inside)
