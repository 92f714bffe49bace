"""A training that begins with the weights of another model: to go on with it, or to suit it to own scans."""

from __future__ import annotations

import hashlib

import keras
import numpy as np

from lfsr_tf.errors import ModelError
from lfsr_tf.networks import TrainedModel


def start_identity(start: TrainedModel | None) -> dict[str, str]:
    """What a run folder keeps of the model that it started from: the SHA-256 of its weights."""
    if start is None:
        return {}
    digest = hashlib.sha256()
    for weight in start.model.weights:
        digest.update(np.ascontiguousarray(weight, dtype=np.float32).tobytes())
    return {"start": digest.hexdigest()}


def take_weights(model: keras.Model, start: TrainedModel) -> None:
    """Give a network the weights of a trained one; a network and its self-ensemble have the same.

    Args:
        model: The network of the run.
        start: A trained model of the same network and settings.

    Raises:
        ModelError: It is of another architecture.
    """
    expected, received = ([tuple(w.shape) for w in each.weights] for each in (model, start.model))
    if expected != received:
        raise ModelError(
            f"Expected a model of the run's own network to start from, {model.name} with {len(expected)} "
            f"arrays of weights. Received: {start.info.name}, {start.model.name} with {len(received)}, or of "
            "other sizes. Set network and network_settings to those of that model."
        )
    model.set_weights(start.model.get_weights())
