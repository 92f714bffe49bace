"""A trained model on disk: the Keras file, and beside it model.json, which says what the model is."""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from lfsr_tf.errors import LfsrError, ModelError, OutputError, first_line
from lfsr_tf.model_info import ModelInfo, info_from_json
from lfsr_tf.networks.archive import check_holds_weights, check_is_model_file
from lfsr_tf.networks.interface import scale_of
from lfsr_tf.networks.outline import outline
from lfsr_tf.networks.registry import NETWORKS, build_network
from lfsr_tf.networks.settings import check_channels_last
from lfsr_tf.networks.trained import TrainedModel, policy_of
from lfsr_tf.networks.traits import traits_of
from lfsr_tf.settings import plain_values
from lfsr_tf.signals import signals_held
from lfsr_tf.storage import atomic_path, exists, read_json, write_json

MODEL_FILE = "best.keras"
INFO_FILE = "model.json"
LAST_FILE, LAST_INFO_FILE = "last.keras", "last.json"
SCHEMA_VERSION = 1

_log = logging.getLogger(__name__)

# Path and shape of every weight.
Architecture = tuple[tuple[str, tuple[int, ...]], ...]


def save_model(model: keras.Model, info: ModelInfo, path: Path | str) -> Path:
    """Write a model and its description.

    Args:
        model: The model, compiled or not.
        info: Its description; NumPy's numbers are taken as plain ones, its `dtype_policy` is replaced by the
            model's own, and `trained_steps` of 0 by those of a compiled model's optimiser.
        path: The file to write, ending in .keras; model.json is written beside it, last.json for last.keras.

    Returns:
        The file.

    Raises:
        ModelError: The name does not end in .keras; the model does not take images of any size to larger
            ones, or has a class that Keras could not load again; or the description is not one that
            `load_model` takes: JSON cannot hold it, or it is of another architecture or scale. A network
            whose reach cannot be told is written with a warning: `Enhancer` and `export_model` refuse it.
        OutputError: A file cannot be written, or model.json describes another model; neither file is left
            half-written.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise ModelError(f"Expected a model file ending in .keras. Received: {path}. Rename it.")
    _check_alone(path)
    # First, so that new weights never stand beside an old description.
    values = _checked_values(model, info, path)
    # Keras catches whatever is raised meanwhile, a Ctrl-C too, and goes on.
    with atomic_path(path) as temporary, signals_held():
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
    check_is_model_file(file)
    info_file = _info_file(file)
    info = _read_info(info_file)
    try:
        check_holds_weights(file)
        with signals_held():
            model = keras.saving.load_model(file, compile=False, safe_mode=True)
    # Keras hands on whatever its parts raise: zip, HDF5, JSON, unknown layers, shapes that do not fit.
    except Exception as error:
        raise ModelError(
            f"Expected a Keras model of this package. Received: {file}, which cannot be loaded "
            f"({_origin(error)}). {_remedy(error)}"
        ) from error
    _check_architecture(model, info, file, info_file)
    return TrainedModel(model, dataclasses.replace(info, dtype_policy=policy_of(model)))


def _checked_values(model: keras.Model, info: ModelInfo, path: Path) -> dict[str, Any]:
    """The description as JSON has it."""
    found = {"dtype_policy": policy_of(model), "trained_steps": info.trained_steps or _steps_of(model)}
    described = dataclasses.asdict(info) | found
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
        _warn_if_useless(model, path)
    return values


def _steps_of(model: keras.Model) -> int:
    """Those of its optimiser; 0 where it is not compiled."""
    optimizer = getattr(model, "optimizer", None)
    return int(optimizer.iterations) if optimizer else 0


def _warn_if_useless(model: keras.Model, path: Path) -> None:
    """Training refuses such a network at once; here it is trained, and not lost."""
    try:
        traits_of(model)
    except ModelError as error:
        _log.warning("%s: no scan can be enhanced with this network. %s", path, error)


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


def _remedy(error: BaseException) -> str:
    """What to do about a model that Keras does not load."""
    if "Could not locate" not in _origin(error):
        return "Copy it again."
    return (
        "In Python, import the module that registers the class before the model is loaded; the lfsr commands "
        "know the classes of Keras and of lfsr_tf alone."
    )


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
    # A builder of one's own raises whatever it does.
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
    return _architecture(outline(lambda: build_network(network, **json.loads(settings))))


def _architecture(model: keras.Model) -> Architecture:
    return tuple((weight.path, tuple(weight.shape)) for weight in model.weights)
