"""The model that serving.py serves, and the requests that it sends; called by it, in a process of its own.

Command: python benchmarks/serving_model.py FOLDER
Writes FOLDER/models/NAME/1, and FOLDER/requests/BATCH.KIND for every kind of body.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

# 2.2 G multiply-adds a slice of 64 x 64: the shipped `fast` with half as many more maps on the coarse grids.
SETTINGS = {"filters": [48, 96, 192], "blocks": [2, 2, 4], "noise_level": True}
NAME, SIDE, BATCHES = "benchmark", 64, (1, 4)


def export(folder: Path) -> dict[str, Any]:
    """Export the network in float32 with random weights, and say what it costs."""
    import keras

    from lfsr_tf.networks import ModelInfo, TrainedModel, build_network, multiply_adds
    from lfsr_tf.serving import export_model

    keras.utils.set_random_seed(0)
    model = build_network("UNetSR", **SETTINGS)
    # It starts at zero, and then answers would be right whatever the layers before it made.
    kernel = model.get_layer("samples").kernel
    kernel.assign(keras.random.normal(kernel.shape, stddev=0.01, seed=0))
    trained = TrainedModel(model, ModelInfo(NAME, "UNetSR", SETTINGS, 2, sigma_range=(0.0, 0.08)))
    export_model(trained, folder / "models", NAME, check=False)
    return {
        "network": "UNetSR",
        "settings": SETTINGS,
        "parameters": model.count_params(),
        "multiply_adds": multiply_adds(model, SIDE, SIDE),
    }


def images_of(batch: int) -> Any:
    """A bright disc in noise, as a head in a low-field scan: float32 [batch, SIDE, SIDE]."""
    import numpy as np

    axis = np.linspace(-1.0, 1.0, SIDE)
    disc = np.hypot(*np.meshgrid(axis, axis)) < 0.7
    noise = np.random.default_rng(0).normal(0.0, 0.03, (batch, SIDE, SIDE, 2)) @ [1, 1j]
    return (100 * np.abs(disc + noise)).astype(np.float32)


def write_requests(folder: Path) -> None:
    """The same images as a PredictRequest, as numbers in JSON, and as PNG files in base64."""
    import orjson

    from lfsr_tf.serving.predict_request import predict_request
    from lfsr_tf.serving.signatures import SIGNATURES

    folder.mkdir()
    for batch in BATCHES:
        images = images_of(batch)
        arrays = SIGNATURES["serving_default"].example(images)
        message = predict_request(NAME, "serving_default", arrays).SerializeToString()
        (folder / f"{batch}.message").write_bytes(message)
        rows = orjson.dumps({"instances": arrays["image"]}, option=orjson.OPT_SERIALIZE_NUMPY)
        (folder / f"{batch}.json").write_bytes(rows)
        files = SIGNATURES["png"].example(images)["png_bytes"]
        pictures = [{"png_bytes": {"b64": base64.b64encode(file).decode("ascii")}} for file in files]
        document = {"signature_name": "png", "instances": pictures}
        (folder / f"{batch}.png.json").write_text(json.dumps(document), encoding="utf-8")


if __name__ == "__main__":
    FOLDER = Path(sys.argv[1])
    write_requests(FOLDER / "requests")
    print(json.dumps(export(FOLDER)))
