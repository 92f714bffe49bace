"""The expected error of each voxel of a result, beside the result itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.error_model import INTERPOLATED, KNOWN, ErrorModel
from lfsr_tf.errors import ConfigError
from lfsr_tf.networks import ModelInfo
from lfsr_tf.physics.views import OWN, Offset, interpolated_views, offsets

Images = NDArray[np.float32]


def check_calibrated(info: ModelInfo) -> None:
    """Refuse a model whose errors nobody has measured.

    Raises:
        ConfigError: It has no error models.
    """
    if info.expected_error is None:
        raise ConfigError(
            f"Expected a model whose errors are calibrated, such as those of `lfsr models`. Received: "
            f"{info.name}. Calibrate it with lfsr_tf.evaluation.calibrate, or leave the error map out."
        )


def spread_views(views: Mapping[Offset, Images], scale: int) -> tuple[str, Mapping[Offset, Images]]:
    """The views whose results are compared, and where they come from.

    Args:
        views: float32 [N, h, w] by offset, those that are known.
        scale: HR samples for each LR sample along an axis.

    Returns:
        `KNOWN` and the views where all are known, else `INTERPOLATED` and the known ones with the others made
        from the slices' own samples.
    """
    if len(views) == len(offsets(scale)):
        return KNOWN, views
    return INTERPOLATED, {**interpolated_views(views[OWN], scale), **views}


def expected_error(variance: Images, noise_level: float, model: ErrorModel) -> Images:
    """The expected root mean square error, float32 like `variance`, in units of the reference intensity."""
    return np.sqrt(model.mean_square(variance, noise_level), dtype=np.float32)
