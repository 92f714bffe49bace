"""The network and the baselines behind one signature: LR images in, HR images out."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ModelError
from lfsr_tf.evaluation.acquisitions import LowField
from lfsr_tf.evaluation.baselines import BASELINES, Baseline
from lfsr_tf.evaluation.config import EvaluationConfig

Method = Callable[[LowField], NDArray[np.float32]]

# The name under which the network under test appears among the methods.
MODEL = "model"
_PROBE_PIXELS = 16


def build_methods(model: keras.Model, config: EvaluationConfig) -> dict[str, Method]:
    """The chosen baselines in their order, then the network under the name "model"."""
    methods = {name: baseline_method(BASELINES[name]) for name in config.baselines}
    return {**methods, MODEL: model_method(model, config.batch_size)}


def baseline_method(baseline: Baseline) -> Method:
    """Give a baseline the images, the noise level and the shape of a `LowField`."""
    return lambda low: baseline(low.images, low.sigma, low.shape)


def model_method(model: keras.Model, batch_size: int) -> Method:
    """The network as a method, normalised as in inference: by the noisy volume's own reference, and back.

    Args:
        model: From [B, h, w, 1] to [B, H, W, 1].
        batch_size: Slices at once; bounds the memory.

    Returns:
        A method that gives float32 [N, H, W].
    """
    call = tf.function(lambda batch: model(batch, training=False), reduce_retracing=True)

    def apply(low: LowField) -> NDArray[np.float32]:
        normalised = (low.images / low.reference).astype(np.float32)[..., np.newaxis]
        starts = range(0, len(normalised), batch_size)
        outputs = [
            tf.cast(call(normalised[start : start + batch_size]), tf.float32).numpy() for start in starts
        ]
        return np.asarray(np.concatenate(outputs)[..., 0] * np.float32(low.reference))

    return apply


def scale_of(model: keras.Model) -> int:
    """HR pixels for each LR pixel along an axis.

    Raises:
        ModelError: The network does not take one-channel images to larger one-channel images.
    """
    try:
        shape = model.compute_output_shape((1, _PROBE_PIXELS, _PROBE_PIXELS, 1))
    except (ValueError, TypeError) as error:
        raise ModelError(
            f"Expected a network for images [N, h, w, 1]. Received: {model.name}, which refuses them."
        ) from error
    if len(shape) != 4 or shape[1] != shape[2] or shape[1] % _PROBE_PIXELS or shape[3] != 1:
        raise ModelError(
            f"Expected a network that enlarges [1, 16, 16, 1] by a whole factor. Received: {model.name}, "
            f"which gives {tuple(shape)}."
        )
    return int(shape[1]) // _PROBE_PIXELS
