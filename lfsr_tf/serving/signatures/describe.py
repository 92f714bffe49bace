"""`metadata`: what `metadata.json` says, for clients that cannot see the server's disk."""

from __future__ import annotations

import tensorflow as tf

NAME = "metadata"
DESCRIPTION = "No inputs. json: string, the contents of metadata.json. Over REST in the column format."


def build(text: str) -> tf.types.experimental.ConcreteFunction:
    """Trace nothing -> `json`.

    Args:
        text: JSON.
    """

    @tf.function(input_signature=[])
    def serve() -> dict[str, tf.Tensor]:
        return {"json": tf.constant(text)}

    return serve.get_concrete_function()
