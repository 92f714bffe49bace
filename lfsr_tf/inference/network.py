"""A trained network made ready to run, in this process or behind a server: the rest need not know where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import exhaustion_in_one_line
from lfsr_tf.networks import ModelInfo, TrainedModel, with_noise_level
from lfsr_tf.networks.footprint import PIXELS_AT_ONCE, pixels_of_a_slice
from lfsr_tf.networks.traits import NetworkTraits, traits_of

Images = NDArray[np.float32]
Run = Callable[[Images, float], Images]
"""Normalised LR images [N, h, w, 1] and their noise level to SR images [N, scale h, scale w, 1], float32."""


@dataclass(frozen=True)
class RunningNetwork:
    """A network and what is known of it.

    Attributes:
        info: What the model is, and what it was trained on.
        traits: Scale, reach and input.
        run: Enhances images.
        pixels_of_a_slice: Most LR pixels of one slice that it is given at once, unless its user says
            otherwise. Behind a server, whose limits count thin images as more, those of a batch.
    """

    info: ModelInfo
    traits: NetworkTraits
    run: Run
    pixels_of_a_slice: int = PIXELS_AT_ONCE


def run_here(trained: TrainedModel) -> RunningNetwork:
    """Make a model ready in this process: it is traced once, for every batch size, height and width.

    Raises:
        ModelError: The network does not take single-channel images of any size, or has a layer whose reach is
            not known.
    """
    traits, model = traits_of(trained.model), trained.model
    # Without XLA: it would compile anew for each shape, which takes longer than the slices.
    network = tf.function(
        lambda images: tf.cast(model(images, training=False), tf.float32),
        input_signature=[tf.TensorSpec(model.input_shape, tf.float32)],
        jit_compile=False,
        autograph=False,
    )

    def run(images: Images, noise_level: float) -> Images:
        given = tf.constant(images)
        count, height, width = images.shape[:3]
        advice = f"for {count} images of {height} x {width} at once. Lower the pixel budget."
        with exhaustion_in_one_line(advice):
            enlarged = network(with_noise_level(given, noise_level) if traits.takes_noise_level else given)
            return np.asarray(enlarged.numpy(), np.float32)

    return RunningNetwork(trained.info, traits, run, pixels_of_a_slice(model))
