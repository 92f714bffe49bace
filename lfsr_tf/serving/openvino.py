"""The same model for OpenVINO's runtime and OpenVINO Model Server, which are quicker on Intel's processors.

Layout: `<base>/<name>/<integer version>/` with `model.xml`, `model.bin` and `metadata.json`, as OpenVINO
Model Server polls it; that server speaks TensorFlow Serving's protocols. A graph of OpenVINO has one
function: `serving_default`, whose normalisation and noise level are inside as ever. What the conversion, and
bfloat16, cost is measured against TensorFlow's float32 and written into `metadata.json`.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ConfigError, ModelError, OutputError
from lfsr_tf.networks import TrainedModel, as_trained, scale_of
from lfsr_tf.networks.recast import recast
from lfsr_tf.physics.acquisition import simulate_acquisition
from lfsr_tf.physics.graph_noise import image_sigmas
from lfsr_tf.physics.intensity import reference_intensity
from lfsr_tf.physics.settings import AcquisitionConfig
from lfsr_tf.scans.phantom import phantom_scan
from lfsr_tf.serving.export import enhancing, save_functions
from lfsr_tf.serving.layout import DEFAULT_NAME, version_folder
from lfsr_tf.serving.metadata import METADATA_FILE, build_metadata
from lfsr_tf.serving.signatures import image
from lfsr_tf.serving.signatures.signature import DEFAULT_SIGNATURE
from lfsr_tf.storage import atomic_folder, write_json

MODEL_FILE = "model.xml"
# By their names in OpenVINO, and in the capabilities that it finds in a processor.
PRECISIONS = {"f32": "FP32", "bf16": "BF16"}
# Of the largest value: rounding in another order leaves 1e-6.
_MOST_DIFFERENCE = 1e-3
_SIGMA, _SLICES = 0.03, 8

Images = NDArray[np.float32]


@dataclass(frozen=True)
class Accuracy:
    """What OpenVINO's answers are worth beside those of TensorFlow in float32, on slices of the phantom.

    Attributes:
        precision: "f32" or "bf16".
        largest_difference: Over the largest value.
        psnr_loss_db: PSNR of TensorFlow's answers against the truth minus that of OpenVINO's.
    """

    precision: str
    largest_difference: float
    psnr_loss_db: float


def export_openvino(
    trained: TrainedModel | keras.Model,
    base: Path | str,
    name: str = DEFAULT_NAME,
    version: int | None = None,
    *,
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Export a model as OpenVINO's intermediate representation.

    Args:
        trained: From `load_model`; or a Keras model of one's own.
        base: The folder that the server is given as its models' base; made if needed.
        name: Of the model on the server.
        version: A positive integer; None for one more than the largest that is there.
        provenance: For metadata.json, as for `export_model`.

    Returns:
        The folder of the version.

    Raises:
        ConfigError: The package `openvino` is missing, or a server would not find the name or version.
        ModelError: The network does not take single-channel images of any size, or OpenVINO does not convert
            it, or answers otherwise than TensorFlow does.
        OutputError: The version stands already, or cannot be written; nothing is left behind.
    """
    openvino = _openvino()
    folder = version_folder(Path(base), name, version)
    trained = recast(as_trained(trained), "float32")
    scale = scale_of(trained.model)
    with tempfile.TemporaryDirectory() as scratch, atomic_folder(folder) as temporary:
        saved = Path(scratch) / "saved"
        # In one piece: the loop over parts makes OpenVINO 2026.4 corrupt its memory.
        function = image.build(enhancing(trained.model), image_sigmas)
        save_functions(trained.model, {DEFAULT_SIGNATURE: function}, saved)
        _convert(saved, temporary / MODEL_FILE)
        found = accuracy(temporary / MODEL_FILE, saved, scale)
        _check(found[0])
        metadata = build_metadata(trained, name, int(folder.name), provenance)
        metadata["signatures"] = {DEFAULT_SIGNATURE: metadata["signatures"][DEFAULT_SIGNATURE]}
        metadata["openvino"] = {"version": openvino.__version__, "accuracy": [asdict(row) for row in found]}
        write_json(temporary / METADATA_FILE, metadata)
    return folder


def _convert(saved: Path, target: Path) -> None:
    openvino = _openvino()
    try:
        converted = openvino.Core().read_model(saved)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"Expected a network that OpenVINO converts. Received: {reason}") from error
    try:
        openvino.save_model(converted, target, compress_to_fp16=False)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise OutputError(
            f"Cannot write {target.name}: {reason}. Check the path and the free space."
        ) from error


def _check(found: Accuracy) -> None:
    # This way round, NaN is refused, too.
    if not found.largest_difference <= _MOST_DIFFERENCE:
        raise ModelError(
            f"Expected OpenVINO's answers to be TensorFlow's to {_MOST_DIFFERENCE:g} of the largest value. "
            f"Received: a difference of {found.largest_difference:.2g}."
        )


def accuracy(model: Path, saved: Path, scale: int) -> list[Accuracy]:
    """Compare a converted model with the SavedModel that it was made of.

    Args:
        model: `model.xml`.
        saved: Folder of the SavedModel.
        scale: Of the network.

    Returns:
        float32, and bfloat16 where the processor has it.
    """
    low, truth = _phantom(scale)
    signature = tf.saved_model.load(str(saved)).signatures[DEFAULT_SIGNATURE]
    expected = signature(image=tf.constant(low))["sr"].numpy()
    core = _openvino().Core()
    able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    rows = []
    for precision, capability in PRECISIONS.items():
        if capability in able:
            settings = {"INFERENCE_PRECISION_HINT": precision}
            answers = core.compile_model(model, "CPU", settings)({"image": low})[0]
            difference = float(np.abs(answers - expected).max() / np.abs(expected).max())
            rows.append(Accuracy(precision, difference, _psnr(expected, truth) - _psnr(answers, truth)))
    return rows


def _openvino() -> Any:
    if importlib.util.find_spec("openvino") is None:
        raise ConfigError("Expected the package openvino. Received: none. pip install 'lfsr_tf[openvino]'.")
    import openvino

    return openvino


def _phantom(scale: int) -> tuple[Images, Images]:
    """Low-field slices [N, h, w, 1] of the built-in phantom, and their truth [N, H, W, 1]."""
    slices = phantom_scan(1, "T1w", slices=_SLICES).slices()
    truth = tf.constant(slices / float(reference_intensity(slices)))
    seeds = tf.stack([tf.range(_SLICES), tf.zeros(_SLICES, tf.int32)], axis=1)
    shape = truth.shape[1] // scale, truth.shape[2] // scale
    low = simulate_acquisition(truth, tf.fill([_SLICES], _SIGMA), seeds, shape, AcquisitionConfig())
    return low.numpy()[..., None], truth.numpy()[..., None]


def _psnr(images: Images, truth: Images) -> float:
    return float(-10.0 * np.log10(np.square(images - truth).mean()))
