"""The signatures of an exported model: one module each, listed here.

A new signature is a module with a `build(enhance)` function that gives a traced `tf.function`, and one line
in `SIGNATURES`. Every signature checks the rank of its inputs with `tf.ensure_shape` before anything else
(without it a wrong rank aborts the server inside a oneDNN convolution), names its inputs and outputs, and
refuses NaN and infinity (they would come back as a plausible or empty image).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from lfsr_tf.serving.signatures import image, kspace
from lfsr_tf.serving.signatures.graph import Enhance


@dataclass(frozen=True)
class Signature:
    """What a client sees under one name.

    Attributes:
        build: Gives the traced function for a network.
        description: For `metadata.json`: inputs, outputs, units.
    """

    build: Callable[[Enhance], tf.types.experimental.ConcreteFunction]
    description: str


SIGNATURES: dict[str, Signature] = {
    "serving_default": Signature(image.build, image.DESCRIPTION),
    "kspace": Signature(kspace.build, kspace.DESCRIPTION),
}
