"""The .keras file itself: a zip of entries that are not packed, looked into before Keras builds anything."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras

from lfsr_tf.errors import ModelError
from lfsr_tf.networks.outline import outline
from lfsr_tf.storage import exists

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
# Layers that share one inside them have it once in the file, and one each in the outline.
_MOST_SHARING = 4


def check_is_model_file(file: Path) -> None:
    """Refuse what is no archive as Keras writes it.

    Raises:
        ModelError: The file is missing, another kind of file, cut off, or its entries are packed or are more
            than it can hold: they might unfold to any size, whatever they declare.
    """
    if not exists(file):
        raise ModelError(
            f"Expected a trained model. Received: {file}, which does not exist. Name a run or a .keras file."
        )
    entries = _entries(file) if file.is_file() else None
    if entries is None:
        raise ModelError(
            f"Expected a Keras model file. Received: {file}, which is another kind of file or cut off. "
            "Train or copy it again."
        )
    if not all(map(_is_stored, entries)) or sum(each.file_size for each in entries) > file.stat().st_size:
        raise ModelError(
            f"Expected a Keras model file, whose entries are stored unpacked. Received: {file}, whose are "
            "not. Train or copy it again."
        )


def _entries(file: Path) -> list[zipfile.ZipInfo] | None:
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.infolist()
    # Of damaged tables of contents zipfile raises whatever comes of them.
    except Exception:
        return None


def _is_stored(entry: zipfile.ZipInfo) -> bool:
    return entry.compress_type == zipfile.ZIP_STORED and entry.file_size == entry.compress_size


def check_holds_weights(file: Path) -> None:
    """Refuse a file whose network has more weights than it holds: building it could take any memory.

    Args:
        file: One that `check_is_model_file` takes.

    Raises:
        ValueError: It has.
        Exception: Whatever its parts raise: zip, HDF5, JSON, unknown layers.
    """
    with zipfile.ZipFile(file) as archive:
        config = json.loads(archive.read(_CONFIG))
        size = archive.getinfo(_WEIGHTS).file_size
        with archive.open(_WEIGHTS) as stream, h5py.File(stream, "r") as weights:
            arrays = _arrays(weights)
            held, declared = (sum(getattr(each, of) for each in arrays) for of in ("size", "nbytes"))
    wanted = sum(math.prod(weight.shape) for weight in outline(lambda: _network(config)).weights)
    # HDF5 can declare arrays that stand nowhere.
    if wanted > _MOST_SHARING * held or declared > size:
        raise ValueError(f"a network of {wanted} weights, with {held} declared in {size} bytes")


def _arrays(weights: h5py.File) -> list[h5py.Dataset]:
    found: list[h5py.Dataset] = []
    weights.visititems(lambda _, entry: found.append(entry) if isinstance(entry, h5py.Dataset) else None)
    return found


def _network(config: dict[str, Any]) -> keras.Model:
    return keras.saving.deserialize_keras_object({**config, "compile_config": None}, safe_mode=True)
