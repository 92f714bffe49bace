"""Losses by name and weight. Every one is first a number per image, so that images weigh the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import ops

from lfsr_tf.errors import ConfigError
from lfsr_tf.networks.similarity import ms_ssim, ssim
from lfsr_tf.settings import is_number, plain_values

# Charbonnier's epsilon, in units of the reference intensity: below it the loss is quadratic (Lai et al.
# 2017, eq. 2).
_CHARBONNIER_EPSILON = 1e-3

# Under a square root, so that its gradient stays finite at zero.
_TINY = 1e-12

_IMAGE_AXES = (1, 2, 3)


def mse(y_true: Any, y_pred: Any) -> Any:
    """Mean squared error of each image: the paper's loss. [B, H, W, C] -> [B]."""
    return ops.mean(ops.square(y_pred - y_true), axis=_IMAGE_AXES)


def mae(y_true: Any, y_pred: Any) -> Any:
    """Mean absolute error of each image. [B, H, W, C] -> [B]."""
    return ops.mean(ops.abs(y_pred - y_true), axis=_IMAGE_AXES)


def charbonnier(y_true: Any, y_pred: Any) -> Any:
    """Mean of sqrt(error^2 + 0.001^2) of each image (Lai et al., CVPR 2017, eq. 2). [B, H, W, C] -> [B]."""
    return ops.mean(ops.sqrt(ops.square(y_pred - y_true) + _CHARBONNIER_EPSILON**2), axis=_IMAGE_AXES)


def ssim_loss(y_true: Any, y_pred: Any) -> Any:
    """1 - SSIM of each image, at a data range of 1. [B, H, W, C] -> [B]."""
    return 1.0 - ssim(y_true, y_pred)


def ms_ssim_loss(y_true: Any, y_pred: Any) -> Any:
    """1 - MS-SSIM of each image at a data range of 1, as many scales as fit. [B, H, W, C] -> [B]."""
    return 1.0 - ms_ssim(y_true, y_pred)


def gradient(y_true: Any, y_pred: Any) -> Any:
    """Mean absolute error of the differences between neighbours, along both axes. [B, H, W, C] -> [B]."""
    error = y_pred - y_true
    rows, columns = error[:, 1:] - error[:, :-1], error[:, :, 1:] - error[:, :, :-1]
    return ops.mean(ops.abs(rows), axis=_IMAGE_AXES) + ops.mean(ops.abs(columns), axis=_IMAGE_AXES)


def kspace(y_true: Any, y_pred: Any) -> Any:
    """Mean absolute error of the orthonormal k-space. [B, H, W, C] -> [B].

    Absolute, since the mean SQUARED error of k-space is that of the image (Parseval).
    """
    error = ops.transpose(y_pred - y_true, (0, 3, 1, 2))
    real, imaginary = ops.fft2((error, ops.zeros_like(error)))
    height, width = ops.shape(error)[2:]
    power = (ops.square(real) + ops.square(imaginary)) / ops.cast(height * width, real.dtype)
    return ops.mean(ops.sqrt(power + _TINY), axis=_IMAGE_AXES)


LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "mse": mse,
    "mae": mae,
    "charbonnier": charbonnier,
    "ssim": ssim_loss,
    "ms_ssim": ms_ssim_loss,
    "gradient": gradient,
    "kspace": kspace,
}
"""Every loss by the name a configuration gives it; a new loss is one function and one line here."""


@keras.saving.register_keras_serializable(package="lfsr_tf")
class WeightedLoss(keras.losses.Loss):
    """Weighted sum of named losses.

    Args:
        weights: Weight of each loss by its name in `LOSSES`.
        **options: As Keras' losses take them: name, reduction, dtype.
    """

    def __init__(self, weights: Mapping[str, float], **options: Any) -> None:
        super().__init__(**{"name": "_".join(weights), **options})
        self.weights = dict(weights)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """float32 [B, H, W, C] -> [B]."""
        terms = [weight * _of_images(LOSSES[name](y_true, y_pred)) for name, weight in self.weights.items()]
        return sum(terms[1:], start=terms[0])

    def get_config(self) -> dict[str, Any]:
        """Plain values from which the loss is built again."""
        return {**super().get_config(), "dtype": self.dtype, "weights": self.weights}


def _of_images(values: Any) -> Any:
    """One value an image; Keras' own losses have one a pixel."""
    return values if len(values.shape) == 1 else ops.mean(values, axis=tuple(range(1, len(values.shape))))


def build_loss(spec: str | Mapping[str, float]) -> WeightedLoss:
    """A loss for Keras' `compile`.

    Args:
        spec: The name of a loss, or weights above 0 by name, for example {"mse": 1.0, "ssim": 0.1}.

    Returns:
        A Keras loss that is saved with a model.

    Raises:
        ConfigError: It is neither, a name is unknown, or a weight is not a number above 0.
    """
    weights = {spec: 1.0} if isinstance(spec, str) else plain_values(spec)
    if not isinstance(weights, Mapping):
        raise ConfigError(
            f"Expected the name of a loss or weights by name. Received: {spec!r}. Give 'mse' or {{'mse': 1}}."
        )
    if not weights:
        raise ConfigError("Expected at least one loss. Received: none. Name one, for example mse.")
    for name, weight in weights.items():
        if name not in LOSSES:
            raise ConfigError(
                f"Expected losses among {', '.join(LOSSES)}. Received: {name!r}. Choose one of these."
            )
        if not is_number(weight) or weight <= 0:
            raise ConfigError(f"Expected a weight above 0 for the loss {name}. Received: {weight!r}.")
    return WeightedLoss({name: float(weight) for name, weight in weights.items()})
