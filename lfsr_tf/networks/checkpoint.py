"""A trained model on disk: the Keras file, and beside it model.json, which says what the model is."""

from __future__ import annotations

import dataclasses
import functools
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from lfsr_tf.errors import LfsrError, ModelError, OutputError, first_line
from lfsr_tf.model_info import ModelInfo, info_from_json
from lfsr_tf.networks.interface import scale_of
from lfsr_tf.networks.registry import NETWORKS, build_network
from lfsr_tf.networks.settings import check_channels_last
from lfsr_tf.networks.trained import TrainedModel, policy_of
from lfsr_tf.settings import plain_values
from lfsr_tf.storage import atomic_path, exists, read_json, write_json

MODEL_FILE = "best.keras"
INFO_FILE = "model.json"
LAST_FILE, LAST_INFO_FILE = "last.keras", "last.json"
SCHEMA_VERSION = 1


# Path and shape of every weight.
Architecture = tuple[tuple[str, tuple[int, ...]], ...]

# Of its own size: Keras stores weights as they are.
_MOST_UNFOLDED = 16


def save_model(model: keras.Model, info: ModelInfo, path: Path | str) -> Path:
    """Write a model and its description.

    Args:
        model: The model, compiled or not.
        info: Its description; NumPy's numbers are taken as plain ones, and its `dtype_policy` is replaced by
            the model's own.
        path: The file to write, ending in .keras; model.json is written beside it, last.json for last.keras.

    Returns:
        The file.

    Raises:
        ModelError: The name does not end in .keras; the model does not take images of any size to larger
            ones, or has a class that Keras could not load again; or the description is not one that
            `load_model` takes: JSON cannot hold it, or it is of another architecture or scale. Layers whose
            reach is not known are refused later, by `enhance_scan` and `export_model`.
        OutputError: A file cannot be written, or model.json describes another model; neither file is left
            half-written.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise ModelError(f"Expected a model file ending in .keras. Received: {path}. Rename it.")
    _check_alone(path)
    # First, so that new weights never stand beside an old description.
    values = _checked_values(model, info, path)
    with atomic_path(path) as temporary:
        model.save(temporary)
    write_json(_info_file(path), {"schema_version": SCHEMA_VERSION, **values})
    return path


def load_model(path: Path | str) -> TrainedModel:
    """Read a model and its description.

    Nothing in the file is run: Keras' safe mode refuses code, and layers come from Keras, this package and
    classes that the caller registered with Keras.

    Args:
        path: A .keras file with its description beside it, or a folder with best.keras, such as a run's.

    Raises:
        ModelError: The file is missing, damaged or not a model of this package, or its weights are of another
            architecture than model.json says.
        ConfigError: Keras is set to channels first.
    """
    check_channels_last()
    path = Path(path)
    file = path / MODEL_FILE if path.is_dir() else path
    _check_is_model_file(file)
    info_file = _info_file(file)
    info = _read_info(info_file)
    try:
        model = keras.saving.load_model(file, compile=False, safe_mode=True)
    # Keras hands on whatever its parts raise: zip, HDF5, JSON, unknown layers, shapes that do not fit.
    except Exception as error:
        raise ModelError(
            f"Expected a Keras model of this package. Received: {file}, which cannot be loaded "
            f"({_origin(error)}). Copy it again; classes of your own must be imported in "
            "lfsr_tf/networks/registry.py."
        ) from error
    _check_architecture(model, info, file, info_file)
    return TrainedModel(model, dataclasses.replace(info, dtype_policy=policy_of(model)))


def _checked_values(model: keras.Model, info: ModelInfo, path: Path) -> dict[str, Any]:
    """The description as JSON has it."""
    described = dataclasses.asdict(info) | {"dtype_policy": policy_of(model)}
    try:
        values: dict[str, Any] = json.loads(json.dumps(plain_values(described), allow_nan=False))
        info = info_from_json(values)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"Expected a model description of plain, finite values. Received: one for {path} that is not "
            f"({first_line(error)}). Give numbers, text, lists and tables."
        ) from error
    _check_architecture(model, info, path, _info_file(path))
    if info.network not in NETWORKS:  # those of the registry were made as they will be again
        check_can_be_loaded(model)
    return values


def check_can_be_loaded(network: keras.Model) -> None:
    """Refuse a network that Keras could save, but no other process could load.

    Raises:
        ModelError: It cannot be made again from its configuration; the message names what.
    """
    try:
        config = keras.saving.serialize_keras_object(network)
        # Models are loaded uncompiled, so that the loss may be anyone's.
        keras.saving.deserialize_keras_object({**config, "compile_config": None})
    # Keras hands on whatever its parts raise.
    except Exception as error:
        raise ModelError(
            f"Expected a network that can be loaded again. Received: {network.name} ({_origin(error)}). "
            "Register classes of your own by @keras.saving.register_keras_serializable(package='lfsr_tf'), "
            "give what they are made with in get_config, and use no Lambda."
        ) from error


def _origin(error: BaseException) -> str:
    """What the error says that the others came from: Keras names a class it does not know there alone."""
    while earlier := error.__cause__ or error.__context__:
        error = earlier
    said = first_line(error).partition(" Full object config")[0]
    return f"{type(error).__name__}: {said}"


def _info_file(file: Path) -> Path:
    """Where the description stands: a run folder holds two models, of which the last has one of its own."""
    return file.with_name(LAST_INFO_FILE if file.name == LAST_FILE else INFO_FILE)


def _check_alone(file: Path) -> None:
    """Refuse a file whose description would be taken for that of another model."""
    if file.name == LAST_FILE or not exists(file.with_name(INFO_FILE)):
        return
    others = {path.name for path in file.parent.glob("*.keras")} - {file.name, LAST_FILE}
    if others:
        raise OutputError(
            f"Expected a folder without another model. Received: {file}, beside {min(others)}, which "
            f"{INFO_FILE} describes. Choose another folder."
        )


def _check_is_model_file(file: Path) -> None:
    if not exists(file):
        raise ModelError(
            f"Expected a trained model. Received: {file}, which does not exist. Name a run or a .keras file."
        )
    unfolded = _unfolded_bytes(file) if file.is_file() else None
    if unfolded is None:
        raise ModelError(
            f"Expected a Keras model file. Received: {file}, which is another kind of file or cut off. "
            "Train or copy it again."
        )
    if unfolded > _MOST_UNFOLDED * file.stat().st_size:
        raise ModelError(
            f"Expected a Keras model file, which is hardly compressed. Received: {file}, which unfolds to "
            f"{unfolded / 2**20:.0f} MiB. Train or copy it again."
        )


def _unfolded_bytes(file: Path) -> int | None:
    """What the entries of an archive say that they hold; None of anything else."""
    try:
        with zipfile.ZipFile(file) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    # Of damaged tables of contents zipfile raises whatever comes of them.
    except Exception:
        return None


def _read_info(file: Path) -> ModelInfo:
    try:
        values = read_json(file)
    except LfsrError as error:
        raise ModelError(
            f"Expected {file.name} beside the model. Received: {file}, which is missing or damaged. "
            "Copy it together with the model, or write both with lfsr_tf.save_model."
        ) from error
    if not isinstance(values, dict) or values.pop("schema_version", None) != SCHEMA_VERSION:
        raise ModelError(
            f"Expected a model description of schema version {SCHEMA_VERSION}. Received: {file}, which has "
            "another. Use the version of lfsr_tf that wrote it."
        )
    try:
        return info_from_json(values)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"Expected a model description. Received: {file}, which is none ({first_line(error)})."
        ) from error


def _check_architecture(model: keras.Model, info: ModelInfo, file: Path, info_file: Path) -> None:
    """The scale must be the network's; one of the registry must have the weights that its settings make."""
    if info.network in NETWORKS:
        _check_weights(model, info, file, info_file)
    if info.scale != (scale := scale_of(model)):
        raise ModelError(
            f"Expected a model description with the network's scale, {scale}. Received: "
            f"scale={info.scale} for {file}. Correct the description."
        )


def _check_weights(model: keras.Model, info: ModelInfo, file: Path, info_file: Path) -> None:
    try:
        settings = json.dumps(plain_values(dict(info.settings)), sort_keys=True)
        expected = _architecture_of(info.network, NETWORKS[info.network], settings)
    # Settings of a size that no memory has are TensorFlow's own error.
    except Exception as error:
        raise ModelError(
            f"Expected a model description. Received: {info_file}, whose settings do "
            f"not fit its network. {first_line(error)}"
        ) from error
    if _architecture(model) != expected:
        raise ModelError(
            f"Expected the weights of {info.network} with the settings in {info_file.name}. Received: "
            f"{file}, a model of another architecture. Keep a model and its own description together."
        )


@functools.lru_cache(maxsize=8)
def _architecture_of(network: str, builder: Callable[..., keras.Model], settings: str) -> Architecture:
    """The weights of a network of the registry, whose builder is given, too: made once for many files."""
    return _architecture(build_network(network, **json.loads(settings)))


def _architecture(model: keras.Model) -> Architecture:
    return tuple((weight.path, tuple(weight.shape)) for weight in model.weights)
