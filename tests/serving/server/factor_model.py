"""A model that is saved and loaded in milliseconds, and tells by its answers which version it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog, PredictLog

from lfsr_tf.serving.predict_request import predict_request
from lfsr_tf.serving.warmup import WARMUP_FILE

IMAGE = np.ones((1, 2, 3, 1), np.float32)
_SPECIFICATION = tf.TensorSpec([None, None, None, 1], tf.float32, name="image")


class Factor(tf.Module):
    """Gives images times a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = tf.Variable(factor, dtype=tf.float32)

    @tf.function(input_signature=[_SPECIFICATION])
    def serve(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """At once."""
        return {"sr": tf.ensure_shape(image, [None, None, None, 1]) * self.factor}

    @tf.function(input_signature=[_SPECIFICATION])
    def slow(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """After some milliseconds for each unit of the first pixel."""
        steps = tf.cast(image[0, 0, 0, 0], tf.int32)
        burnt = tf.while_loop(
            lambda step, _: step < steps,
            lambda step, matrix: (step + 1, tf.linalg.matmul(matrix, matrix) * 0.0 + 1.0),
            (0, tf.ones((400, 400))),
        )[1]
        return {"sr": image * self.factor * burnt[0, 0]}

    @tf.function(input_signature=[_SPECIFICATION])
    def fragile(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Without a check of the rank: another one aborts the process."""
        return {"sr": tf.nn.conv2d(image, tf.ones((3, 3, 1, 1)) * self.factor, 1, "SAME")}


def save_factor_model(
    folder: Path, factor: float, warmup: Sequence[tuple[str, Mapping[str, np.ndarray]]] = ()
) -> Path:
    """Save a version as an export does: under another name first, with requests to warm it up."""
    hidden = folder.with_name(f".{folder.name}")
    module = Factor(factor)
    signatures = {"serving_default": module.serve, "slow": module.slow, "fragile": module.fragile}
    tf.saved_model.save(module, str(hidden), signatures=signatures)
    if warmup:
        path = hidden / WARMUP_FILE
        path.parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path)) as writer:
            for signature, inputs in warmup:
                log = PredictLog(request=predict_request("lfsr", signature, inputs))
                writer.write(PredictionLog(predict_log=log).SerializeToString())
    hidden.rename(folder)
    return folder
