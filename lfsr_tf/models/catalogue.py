"""The shipped models by name: `<name>.json` is the card, `<name>.safetensors` the weights in float16.

Weights are plain arrays in the safetensors format, which holds no code, and are loaded only where their
SHA-256 is that of the card.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as parse_safetensors

from lfsr_tf import networks
from lfsr_tf.errors import LfsrError, ModelError
from lfsr_tf.models.card import ModelCard
from lfsr_tf.networks import TrainedModel, build_network
from lfsr_tf.networks.recast import recast
from lfsr_tf.precision import dtype_policy
from lfsr_tf.storage import exists, read_json

SHIPPED = Path(__file__).parent / "shipped"
DEFAULT = "fast"
# A run that has no model yet is refused, and not taken for a shipped one.
_OF_RUNS = ("best.keras", "config.json")
LICENCE = "Apache-2.0"
"""Of the shipped weights."""


def list_models(folder: Path = SHIPPED) -> list[str]:
    """Names of the models that come with the package, sorted."""
    return sorted(path.stem for path in folder.glob("*.json"))


def load_model(name_or_path: Path | str) -> TrainedModel:
    """Load a shipped model by its name, or a trained one from disk.

    A model that is meant for bfloat16 comes in float32 where the processor would have to emulate bfloat16.

    Args:
        name_or_path: A run folder or a .keras file with its model.json; or, where there is none of that name,
            a name of `list_models`.

    Raises:
        ModelError: There is no such model, or it is damaged.
    """
    if _is_shipped(name_or_path):
        return recast(load_shipped(str(name_or_path)), "auto")
    try:
        return recast(networks.load_model(name_or_path), "auto")
    except ModelError as error:
        if exists(Path(name_or_path)):
            raise
        raise ModelError(
            f"Expected a shipped model ({', '.join(list_models())}), a run folder or a .keras file. "
            f"Received: {name_or_path}, which is none. Check the name."
        ) from error


def _is_shipped(name_or_path: Path | str) -> bool:
    """Whether it names a shipped model: a file or a run goes before it, a folder of results does not."""
    path = Path(name_or_path)
    own = exists(path) and (path.is_file() or any(exists(path / name) for name in _OF_RUNS))
    return not own and str(name_or_path) in list_models()


def load_default() -> TrainedModel:
    """The shipped model for whoever names none, whatever files of its name there are."""
    return recast(load_shipped(DEFAULT), "auto")


def read_card(name: str, folder: Path = SHIPPED) -> ModelCard:
    """The card of a shipped model.

    Raises:
        ModelError: There is no such model, or its card is damaged.
    """
    if name not in list_models(folder):
        raise ModelError(
            f"Expected one of {', '.join(list_models(folder))}. Received: {name}. Choose one of these."
        )
    try:
        return ModelCard.from_json(read_json(folder / f"{name}.json"))
    except ModelError:
        raise
    except LfsrError as error:
        raise ModelError(
            f"Expected the card of {name}. Received: a damaged one ({error}). Install again."
        ) from error


def provenance(name_or_path: Path | str) -> dict[str, Any]:
    """What whoever serves a model must know of where it comes from, for `export_model`.

    Args:
        name_or_path: As for `load_model`.

    Returns:
        `training_data`, `known_failures` and `licence` of a shipped model; nothing for one of one's own,
        whose makers alone can say.
    """
    if not _is_shipped(name_or_path):
        return {}
    card = read_card(str(name_or_path))
    return {
        "training_data": list(card.data),
        "known_failures": list(card.known_failures),
        "licence": LICENCE,
    }


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
    try:
        return parse_safetensors(content)
    except SafetensorError as error:
        raise ModelError(
            f"Expected weights in the safetensors format. Received: {path} ({error})."
        ) from error


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
