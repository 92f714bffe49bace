"""What k-space whose two sides differ costs a model: part of `studies.transfer`.

High-field slices get a smooth phase, unequal sides of k-space and a little noise; then the outer-band test is
made as on a measured scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.evaluation import EvaluationConfig
from lfsr_tf.evaluation.acquisitions import StudyVolume, study_volume
from lfsr_tf.evaluation.kspace_split import OuterBand
from lfsr_tf.evaluation.methods import Method, model_method
from lfsr_tf.evaluation.outer_band import VIEWS, recovered_fraction
from lfsr_tf.evaluation.simulated_kspace import as_measured
from lfsr_tf.models import load_model
from lfsr_tf.physics.settings import RawImage
from lfsr_tf.scans import read_scan

# Of the measured difference of both sides.
PARTS = (0.0, 0.5, 1.0)
# About the noise of the measured T1w scans, in units of the reference intensity of the acquired image.
SIGMA = 0.012
SLICES, SCALE = 8, 2
Decibels = NDArray[np.float64]


def costs(scans: Sequence[Path], model: str, places: Decibels, decibels: Decibels) -> list[dict[str, Any]]:
    """What a shipped model recovers of each scan's outer band, with 0, half and all of the difference.

    Args:
        scans: High-field scans.
        model: Its name.
        places: |k| at which the difference is known, the rim being 1.
        decibels: Energy of the left side over the right one there.

    Returns:
        `scan`, `image` and, for each of `PARTS`, `recovered`.
    """
    config = EvaluationConfig(slices_per_volume=SLICES, bootstrap_samples=100)
    method = model_method(load_model(model).model, config.batch_size)
    rows = []
    for path in scans:
        volume = study_volume(read_scan(path), path.name, SCALE, config)
        bands = [unequal(volume, places, part * decibels) for part in PARTS]
        for image in get_args(RawImage):
            found = [round(_recovered(band, image, method, config), 3) for band in bands]
            rows.append({"scan": path.name, "image": image, "recovered": found})
    return rows


def _recovered(band: OuterBand, image: RawImage, method: Method, config: EvaluationConfig) -> float:
    prediction = band.predict(method(band.low_field(image, VIEWS[image])), image)
    return float(recovered_fraction(band, prediction, config).estimate)


def unequal(volume: StudyVolume, places: Decibels, decibels: Decibels) -> OuterBand:
    """k-space of HR slices whose left half is stronger than the right one, as the scanner would measure it.

    Args:
        volume: The truth.
        places: |k| at which the difference is given; between them and beyond it is interpolated.
        decibels: Energy of the left side over the right one; half of it is taken from each.
    """
    width = volume.hr_shape[1]
    k = (np.arange(width) - width // 2) / (width / 2)
    weights = 10.0 ** (-np.sign(k) * np.interp(np.abs(k), places, decibels) / 2.0 / 20.0)
    return as_measured(volume, SIGMA, weights=weights)
