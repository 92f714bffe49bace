"""Making a trained model one that can be shipped: float16 weights and a card, side by side."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save as to_safetensors

from lfsr_tf.errors import ModelError
from lfsr_tf.models.card import ModelCard
from lfsr_tf.networks import TrainedModel, multiply_adds
from lfsr_tf.storage import atomic_path, write_json


def write_weights(trained: TrainedModel, path: Path) -> str:
    """Write a model's weights as float16.

    Args:
        trained: From `load_model`.
        path: The .safetensors file to write; the same weights give the same bytes.

    Returns:
        The file's SHA-256 in hexadecimal.

    Raises:
        ModelError: A weight is too large for float16.
        OutputError: The file cannot be written.
    """
    arrays = {variable.path: np.asarray(variable, np.float32) for variable in trained.model.variables}
    largest = max(float(np.abs(array).max()) for array in arrays.values())
    if largest > float(np.finfo(np.float16).max):
        raise ModelError(f"Expected weights that fit into float16. Received: one of {largest:g}.")
    content = to_safetensors({key: arrays[key].astype(np.float16) for key in sorted(arrays)})
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def publish(
    trained: TrainedModel,
    name: str,
    folder: Path,
    *,
    summary: str,
    training: str,
    data: Sequence[str],
    known_failures: Sequence[str],
    results: Sequence[Mapping[str, float]] = (),
    version: int = 1,
    dtype_policy: str = "float32",
) -> ModelCard:
    """Write `<name>.safetensors` and `<name>.json` to a folder.

    Args:
        trained: From `load_model`, of a network in `lfsr_tf.networks.NETWORKS`.
        name: Of the model.
        folder: Where both files go.
        summary: As in `ModelCard`, and so the others.
        training: How it was trained.
        data: What it was trained and judged on.
        known_failures: What it gets wrong.
        results: Figures, of the shipped weights.
        version: Of the model.
        dtype_policy: Keras dtype policy that it is meant for; "mixed_bfloat16" only where that costs nothing.

    Returns:
        The card.
    """
    sha256 = write_weights(trained, folder / f"{name}.safetensors")
    info = dataclasses.replace(trained.info, name=name, version=version, dtype_policy=dtype_policy)
    card = ModelCard(
        info=info,
        summary=summary,
        sha256=sha256,
        parameters=int(trained.model.count_params()),
        multiply_adds=multiply_adds(trained.model),
        training=training,
        data=tuple(data),
        results=tuple(results),
        known_failures=tuple(known_failures),
    )
    write_json(folder / f"{name}.json", card.to_json())
    return card
