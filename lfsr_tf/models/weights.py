"""Weights of the shipped models: beside the card `<name>.json`, `<name>.safetensors` holds them in float16.

They are plain arrays in the safetensors format, which holds no code, and are loaded only where their SHA-256
is that of the card.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as parse_safetensors

from lfsr_tf.errors import ModelError
from lfsr_tf.models.card import ModelCard
from lfsr_tf.models.catalogue import SHIPPED, read_card
from lfsr_tf.networks import TrainedModel, build_network
from lfsr_tf.precision import dtype_policy


def load_shipped(name: str, folder: Path = SHIPPED) -> TrainedModel:
    """Build a shipped model and give it its weights.

    Args:
        name: Of the model.
        folder: Where cards and weights are.

    Raises:
        ModelError: The weights are missing, are not those of the card, or do not fit its network.
    """
    card = read_card(name, folder)
    arrays = _checked_weights(folder / f"{name}.safetensors", card)
    with dtype_policy(card.info.dtype_policy):
        model = build_network(card.info.network, **card.info.settings)
    _assign(model, arrays, name)
    return TrainedModel(model, card.info)


def _checked_weights(path: Path, card: ModelCard) -> dict[str, NDArray[np.float16]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"Expected weights in {path}. Received: {error.strerror}. Install the package again."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != card.sha256:
        raise ModelError(
            f"Expected weights with the SHA-256 {card.sha256}. Received: {path} with {found}. These are "
            "damaged, or not the package's own: install it again."
        )
    return _parsed(content, path)


def _parsed(content: bytes, path: Path) -> dict[str, NDArray[np.float16]]:
    try:
        arrays: dict[str, NDArray[np.float16]] = parse_safetensors(content)
    # Of a type that NumPy lacks only its name is said.
    except (SafetensorError, KeyError) as error:
        raise ModelError(
            f"Expected weights in the safetensors format. Received: {path} ({error}). Install the package "
            "again."
        ) from error
    for name, array in arrays.items():
        if array.dtype != np.float16 or not np.isfinite(array).all():
            raise ModelError(
                f"Expected finite weights of float16. Received: {name} of {array.dtype} in {path}, which has "
                "others. Install the package again."
            )
    return arrays


def _assign(model: keras.Model, arrays: dict[str, NDArray[np.float16]], name: str) -> None:
    expected = {variable.path: tuple(variable.shape) for variable in model.variables}
    received = {key: array.shape for key, array in arrays.items()}
    if expected != received:
        differing = sorted(set(expected.items()) ^ set(received.items()))
        raise ModelError(
            f"Expected the weights of {model.name}. Received: others in {name}, first {differing[0][0]}. "
            "Install the package again."
        )
    for variable in model.variables:
        variable.assign(arrays[variable.path].astype(np.float32))
