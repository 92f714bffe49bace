"""`metadata`: what `metadata.json` says, for clients that cannot see the server's disk."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from lfsr_tf.serving.signatures.signature import Arrays

NAME = "metadata"
INPUT = "about"
DESCRIPTION = (
    "about: string [], anything; TensorFlow Serving's REST API cannot ask a signature without inputs. "
    "json: string [], the contents of metadata.json. Over REST in the column format."
)


def build(text: str) -> tf.types.experimental.ConcreteFunction:
    """Trace `about` -> `json`.

    Args:
        text: JSON.
    """

    @tf.function(input_signature=[tf.TensorSpec([], tf.string, name=INPUT)], autograph=False)
    def serve(about: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.control_dependencies([tf.ensure_shape(about, [])]):
            return {"json": tf.constant(text)}

    return serve.get_concrete_function()


def question() -> Arrays:
    """Inputs that ask."""
    return {INPUT: np.array(b"", object)}
