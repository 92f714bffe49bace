"""The shipped models by name, and what their cards say: read without TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lfsr_tf.errors import LfsrError, ModelError
from lfsr_tf.models.card import ModelCard
from lfsr_tf.storage import exists, read_json

if TYPE_CHECKING:
    from lfsr_tf.networks import TrainedModel

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
        return _shipped(str(name_or_path))
    from lfsr_tf import networks
    from lfsr_tf.networks.recast import recast

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
    return _shipped(DEFAULT)


def _shipped(name: str) -> TrainedModel:
    from lfsr_tf.models.weights import load_shipped
    from lfsr_tf.networks.recast import recast

    return recast(load_shipped(name), "auto")


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
