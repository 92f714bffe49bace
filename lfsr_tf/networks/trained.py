"""A network together with what is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras

from lfsr_tf.model_info import ModelInfo
from lfsr_tf.networks.interface import scale_of
from lfsr_tf.networks.self_ensemble import network_inside

OWN_NETWORK = "custom"
"""What stands for the name of a network that is in no registry and of which nothing else is said."""


@dataclass(frozen=True)
class TrainedModel:
    """A model and its description.

    Attributes:
        model: From LR [N, h, w, 1], or [N, h, w, 2] with the noise level, to SR [N, scale * h, scale * w, 1]
            float32, not compiled.
        info: What it is.
    """

    model: keras.Model
    info: ModelInfo


def as_trained(model: TrainedModel | keras.Model) -> TrainedModel:
    """The model with a description: of a bare network just what can be seen of it.

    Args:
        model: From `load_model`; or a functional Keras model of the kind that `TrainedModel.model` is.

    Raises:
        ModelError: The network does not take single-channel images of any size to larger ones.
    """
    if isinstance(model, TrainedModel):
        return model
    info = ModelInfo(model.name, OWN_NETWORK, {}, scale_of(model), dtype_policy=policy_of(model))
    return TrainedModel(model, info)


def policy_of(model: keras.Model) -> str:
    """The dtype policy that a model computes in, of whose layers some stay in float32."""
    return min({*_policies(network_inside(model))} - {"float32"}, default="float32")


def _policies(model: keras.Model) -> Iterator[str]:
    """Those of its layers: inputs and models have the policy of the process, also where they were loaded."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _policies(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer.dtype_policy.name
