"""Writing a model as a SavedModel that TensorFlow Serving loads.

Layout: `<base>/<name>/<integer version>/` with `saved_model.pb`, `variables/`, `metadata.json` and the
warm-up requests. The server polls the folder, so a version is written under a hidden temporary name, checked
with TensorFlow's own C++ loader, and renamed when it is complete.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from lfsr_tf.errors import OutputError, first_line
from lfsr_tf.networks import TrainedModel, as_trained, scale_of, takes_noise_level, with_noise_level
from lfsr_tf.networks.recast import recast
from lfsr_tf.serving.concurrency import keep_summands_apart
from lfsr_tf.serving.layout import DEFAULT_NAME, version_folder
from lfsr_tf.serving.loader_check import check_saved_model
from lfsr_tf.serving.metadata import METADATA_FILE, build_metadata
from lfsr_tf.serving.signatures import SIGNATURES, describe
from lfsr_tf.serving.signatures.graph import IMAGES, Enhance, in_parts
from lfsr_tf.serving.warmup import DEFAULT_SIZES, Size, check_sizes, write_warmup
from lfsr_tf.storage import atomic_folder, write_json


def export_model(
    trained: TrainedModel | keras.Model,
    base: Path | str,
    name: str = DEFAULT_NAME,
    version: int | None = None,
    *,
    dtype: str = "float32",
    warm_up: Sequence[Size] = DEFAULT_SIZES,
    provenance: Mapping[str, Any] | None = None,
    check: bool = True,
) -> Path:
    """Export a model with every signature of `SIGNATURES`.

    Args:
        trained: From `load_model`; or a Keras model of one's own.
        base: The folder that the server is given as its models' base; made if needed.
        name: Of the model on the server.
        version: A positive integer; None for one more than the largest that is there.
        dtype: Keras dtype policy of the exported network; float32 is fast on any server, mixed_bfloat16 only
            where the processor has such instructions. "auto": the one that the model was trained in.
        warm_up: (H, W) of the slices that a server plays through the model before it calls it ready; none: it
            plays nothing.
        provenance: For metadata.json, from `lfsr_tf.models.provenance`; or `training_data`, `known_failures`
            and `licence` of a model of one's own.
        check: Load the result with TensorFlow's C++ loader and run every signature and the warm-up before
            it is put in place.

    Returns:
        The folder of the version.

    Raises:
        ConfigError: A name or version that a server would not find, an unknown dtype, or a warm-up size that
            no request may have.
        ModelError: The network does not take single-channel images of any size, or fails in the C++ loader,
            or TensorFlow could not read from the folder.
        OutputError: The version stands already, or cannot be written; nothing is left behind.
    """
    folder = version_folder(Path(base), name, version)
    check_sizes(warm_up)
    trained = recast(as_trained(trained), dtype)
    scale_of(trained.model)  # refuses other networks before anything is made
    with atomic_folder(folder) as temporary:
        metadata = build_metadata(trained, name, int(folder.name), provenance)
        save_signatures(trained, temporary, metadata)
        write_json(temporary / METADATA_FILE, metadata)
        write_warmup(temporary, name, warm_up)
        if check:
            check_saved_model(temporary, scale=trained.info.scale)
    return folder


def save_signatures(trained: TrainedModel, folder: Path, metadata: Mapping[str, Any]) -> None:
    """Write a SavedModel with every signature, and nothing else.

    Args:
        trained: The model, in the precision that it is exported in.
        folder: To write it to.
        metadata: What its signature `metadata` answers.

    Raises:
        OutputError: It cannot be written.
    """
    # Traced once: every signature calls it.
    inputs = [tf.TensorSpec(IMAGES, tf.float32), tf.TensorSpec([None], tf.float32)]
    enhance = tf.function(in_parts(enhancing(trained.model)), input_signature=inputs, autograph=False)
    functions = {name: signature.build(enhance) for name, signature in SIGNATURES.items()}
    functions[describe.NAME] = describe.build(json.dumps(metadata, sort_keys=True, allow_nan=False))
    save_functions(trained.model, functions, folder)
    keep_summands_apart(folder)


def save_functions(
    model: keras.Model, functions: Mapping[str, tf.types.experimental.ConcreteFunction], folder: Path
) -> None:
    """Write functions of a network as the signatures of a SavedModel.

    Raises:
        OutputError: It cannot be written.
    """
    module = tf.Module()
    # The variables themselves: a Keras model here would be saved as a second copy, and its own list of Keras
    # variables is not found by the C++ loader ("Could not find variable").
    module.weights = [variable.value for variable in model.variables]
    module.functions = list(functions.values())
    try:
        tf.saved_model.save(module, str(folder), signatures=dict(functions))
    except (tf.errors.OpError, OSError) as error:
        raise OutputError(
            f"Cannot write a SavedModel to {folder.parent}: {first_line(error)}. Check the free space."
        ) from error


def enhancing(model: keras.Model) -> Enhance:
    """The network as signatures call it; one that takes no noise level is told none."""

    def enhance(images: tf.Tensor, levels: tf.Tensor) -> tf.Tensor:
        given = with_noise_level(images, levels) if takes_noise_level(model) else images
        return tf.cast(model(given, training=False), tf.float32)

    return enhance
