"""Keras metrics of images: one number per image, averaged over all images of all batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from lfsr_tf.networks.similarity import ssim

# Identical images would have infinite PSNR and spoil every mean: 100 dB is far above any real reconstruction.
_LARGEST_PSNR_DB = 100.0

# The filter of HFEN, as in Ravishankar and Bresler, IEEE TMI 30 (2011), section IV: 15 x 15, sigma 1.5.
_LOG_SIZE, _LOG_SIGMA = 15, 1.5


def psnr(y_true: Any, y_pred: Any, data_range: float = 1.0) -> Any:
    """Peak signal-to-noise ratio of each image in dB, 100 at most.

    Args:
        y_true: float [B, H, W, C].
        y_pred: float [B, H, W, C].
        data_range: Largest minus smallest value that an image can have, in its units.

    Returns:
        float32 [B]: 10 log10(data_range^2 / mean squared error).
    """
    error = ops.mean(ops.square(_error(y_true, y_pred)), axis=(1, 2, 3)) / data_range**2
    return -10.0 * ops.log10(ops.maximum(error, 10.0 ** (-_LARGEST_PSNR_DB / 10.0)))


def nrmse(y_true: Any, y_pred: Any) -> Any:
    """Norm of the error of each image over the norm of the true image. [B, H, W, C] twice -> float32 [B]."""
    return _norm_ratio(_error(y_true, y_pred), ops.cast(y_true, "float32"))


def hfen(y_true: Any, y_pred: Any) -> Any:
    """High-frequency error norm of each image: NRMSE of the Laplacians of Gaussians.

    Source: Ravishankar and Bresler, IEEE TMI 30 (2011), section IV; here where the filter lies inside the
        image.

    Args:
        y_true: float [B, H, W, 1], H and W at least 15.
        y_pred: float [B, H, W, 1].

    Returns:
        float32 [B].
    """
    kernel = ops.convert_to_tensor(laplacian_of_gaussian()[..., None, None].astype("float32"))
    error, true = (
        ops.conv(image, kernel, padding="valid", data_format="channels_last")
        for image in (_error(y_true, y_pred), ops.cast(y_true, "float32"))
    )
    return _norm_ratio(error, true)


def laplacian_of_gaussian() -> np.ndarray:
    """The filter of HFEN, float64 [15, 15], which sums to 0."""
    offsets = np.arange(_LOG_SIZE) - _LOG_SIZE // 2
    squares = (offsets[:, None] ** 2 + offsets**2) / (2 * _LOG_SIGMA**2)
    gaussian = np.exp(-squares) / np.exp(-squares).sum()
    kernel = gaussian * 2 * (squares - 1) / _LOG_SIGMA**2
    return kernel - kernel.mean()


def _error(y_true: Any, y_pred: Any) -> Any:
    return ops.cast(y_pred, "float32") - ops.cast(y_true, "float32")


def _norm_ratio(error: Any, true: Any) -> Any:
    powers = [ops.sum(ops.square(image), axis=(1, 2, 3)) for image in (error, true)]
    # An empty slice has no norm to compare with; its error is given as it is, not as infinity.
    return ops.sqrt(powers[0] / ops.where(powers[1] > 0, powers[1], 1.0))


class _PerImageMetric(keras.metrics.Metric):
    """Mean over images of a function of [B, H, W, C] twice -> [B]."""

    def __init__(self, function: Callable[..., Any], name: str, dtype: Any, **arguments: Any) -> None:
        super().__init__(name=name, dtype=dtype)
        self._function = function
        self._arguments = arguments
        self._total = self.add_weight(name="total", initializer="zeros")
        self._images = self.add_weight(name="images", initializer="zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch, [B, H, W, C] twice; `sample_weight` [B] weighs its images."""
        values = self._function(y_true, y_pred, **self._arguments)
        weights = ops.ones_like(values) if sample_weight is None else ops.cast(sample_weight, values.dtype)
        weights = ops.reshape(weights, ops.shape(values))
        self._total.assign_add(ops.cast(ops.sum(values * weights), self._total.dtype))
        self._images.assign_add(ops.cast(ops.sum(weights), self._images.dtype))

    def result(self) -> Any:
        """Mean over the images so far; 0 before the first."""
        return ops.divide_no_nan(self._total.value, self._images.value)

    def get_config(self) -> dict[str, Any]:
        """Plain values from which the metric is built again."""
        return {"name": self.name, "dtype": self.dtype, **self._arguments}


@keras.saving.register_keras_serializable(package="lfsr_tf")
class PSNR(_PerImageMetric):
    """Peak signal-to-noise ratio in dB, the mean over images.

    Args:
        data_range: Largest minus smallest value that an image can have; 1 for normalised images.
        name: Of the metric.
        dtype: Of its sums.
    """

    def __init__(self, data_range: float = 1.0, name: str = "psnr", dtype: Any = None) -> None:
        super().__init__(psnr, name, dtype, data_range=data_range)


@keras.saving.register_keras_serializable(package="lfsr_tf")
class SSIM(_PerImageMetric):
    """Structural similarity with Wang's window, the mean over images.

    Args:
        data_range: Largest minus smallest value that an image can have; 1 for normalised images.
        name: Of the metric.
        dtype: Of its sums.
    """

    def __init__(self, data_range: float = 1.0, name: str = "ssim", dtype: Any = None) -> None:
        super().__init__(ssim, name, dtype, data_range=data_range)


@keras.saving.register_keras_serializable(package="lfsr_tf")
class NRMSE(_PerImageMetric):
    """Norm of the error over the norm of the true image, the mean over images."""

    def __init__(self, name: str = "nrmse", dtype: Any = None) -> None:
        super().__init__(nrmse, name, dtype)


@keras.saving.register_keras_serializable(package="lfsr_tf")
class HFEN(_PerImageMetric):
    """High-frequency error norm, the mean over images."""

    def __init__(self, name: str = "hfen", dtype: Any = None) -> None:
        super().__init__(hfen, name, dtype)
