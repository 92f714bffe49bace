"""What a signature is: one module of this folder describes itself with one of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.serving.signatures.graph import Enhance

DEFAULT_SIGNATURE = "serving_default"
"""The one that answers a request which names none."""

Arrays = Mapping[str, NDArray[np.generic]]
"""Inputs or outputs by their names; bytes are arrays of dtype object."""


@dataclass(frozen=True)
class Signature:
    """What a client sees under one name.

    Attributes:
        build: Gives the traced function for a network.
        description: For `metadata.json`: inputs, outputs, units.
        example: From magnitudes float32 [N, H, W], not negative, to the inputs that stand for them: for the
            check of an exported model, its warm-up, and tests.
        images: From the outputs back to images [N, s H, s W].
    """

    build: Callable[[Enhance], tf.types.experimental.ConcreteFunction]
    description: str
    example: Callable[[NDArray[np.float32]], Arrays]
    images: Callable[[Arrays], NDArray[np.float32]]


def only_channel(outputs: Arrays) -> NDArray[np.float32]:
    """The images of an output `sr` [N, s H, s W, 1]."""
    return np.asarray(outputs["sr"][..., 0], np.float32)
