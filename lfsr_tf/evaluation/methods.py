"""The networks and the baselines behind one signature: low-field images in, HR images out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import keras
import numpy as np
import tensorflow as tf

from lfsr_tf.errors import exhaustion_in_one_line
from lfsr_tf.evaluation.acquisitions import LowField
from lfsr_tf.evaluation.baselines import BASELINES, Images
from lfsr_tf.evaluation.config import EvaluationConfig
from lfsr_tf.networks import TrainedModel, takes_noise_level, with_noise_level
from lfsr_tf.physics.views import OWN, mean_of_views

Method = Callable[[LowField], Images]
Network: TypeAlias = TrainedModel | keras.Model

# The name under which the network under test appears among the methods.
MODEL = "model"


def build_methods(
    model: Network, config: EvaluationConfig, against: Mapping[str, Network]
) -> dict[str, Method]:
    """The chosen baselines in their order, other networks by name, then the network under test, "model"."""
    baselines = {name: BASELINES[name] for name in config.baselines}
    networks = {**against, MODEL: model}
    return baselines | {name: model_method(bare(each), config.batch_size) for name, each in networks.items()}


def bare(network: Network) -> keras.Model:
    """The Keras model, without what is known of it."""
    return network.model if isinstance(network, TrainedModel) else network


def model_method(model: keras.Model, batch_size: int) -> Method:
    """The network as a method, normalised as in inference: by the noisy volume's own reference, and back.

    Where images between the samples are known, the results for all of them are averaged.

    Args:
        model: From [B, h, w, 1], or [B, h, w, 2] with the noise level of the `LowField` as the second
            channel, to [B, H, W, 1].
        batch_size: Slices at once; bounds the memory.

    Returns:
        A method that gives float32 [N, H, W], and raises OutOfMemoryError where the device has not enough
        memory for a batch.
    """
    call = tf.function(lambda batch: model(batch, training=False), reduce_retracing=True, autograph=False)

    def apply(low: LowField) -> Images:
        views = {OWN: low.images, **low.between}
        return np.asarray(mean_of_views({offset: enlarged(images, low) for offset, images in views.items()}))

    def enlarged(images: Images, low: LowField) -> Images:
        normalised = (images / low.reference).astype(np.float32)[..., np.newaxis]
        if takes_noise_level(model):
            normalised = np.asarray(with_noise_level(normalised, low.noise_level))
        starts = range(0, len(normalised), batch_size)
        outputs = [_enlarged(call, normalised[start : start + batch_size]) for start in starts]
        return np.asarray(np.concatenate(outputs)[..., 0] * np.float32(low.reference))

    return apply


def _enlarged(call: Callable[[Images], tf.Tensor], batch: Images) -> Images:
    count, height, width = batch.shape[:3]
    with exhaustion_in_one_line(f"for {count} slices of {height} x {width} at once. Lower --batch-size."):
        return np.asarray(tf.cast(call(batch), tf.float32).numpy())
