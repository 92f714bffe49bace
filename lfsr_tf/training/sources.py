"""The pairs of a run: training batches that depend on the epoch's number alone, and validation batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tensorflow as tf

from lfsr_tf.training.augment import random_flips
from lfsr_tf.training.config import TrainConfig


@dataclass(frozen=True)
class PairSource:
    """What training needs to know of its data.

    Attributes:
        training: Given the number of an epoch (from 0): endless batches from that epoch on, each
            (lr [B, h, w, 1], hr [B, s h, s w, 1]) float32. A resumed run sees what an uninterrupted one
            would.
        validation: The same kind of batches, once through, always the same.
        steps_per_epoch: Batches of one epoch.
        identity: What makes two sources the same; a run is only continued on the same source. Plain JSON
            values.
        facts: What the model's description should say of the data: `sigma_range`, `spacing_range_mm`.
    """

    training: Callable[[int], tf.data.Dataset]
    validation: tf.data.Dataset
    steps_per_epoch: int
    identity: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lr_shape(self) -> tuple[int | None, ...]:
        """Shape of one LR image as validation has it, (h, w, 1)."""
        return tuple(self.validation.element_spec[0].shape[1:])

    @property
    def hr_shape(self) -> tuple[int | None, ...]:
        """Shape of one HR image as validation has it, (s h, s w, 1)."""
        return tuple(self.validation.element_spec[1].shape[1:])


def with_flips(batches: tf.data.Dataset, seed: int, first_step: int) -> tf.data.Dataset:
    """Mirror and transpose the pairs of each batch at random, by the batch's number in the whole run.

    Args:
        batches: (lr, hr) batches of a known, square size.
        seed: The run's seed.
        first_step: Number of the first batch, so that a resumed run goes on with the flips it would have had.

    Returns:
        The batches, one LR sample smaller along both axes.
    """

    def flip(step: tf.Tensor, pair: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        return random_flips(*pair, seed=tf.stack([tf.constant(seed, tf.int64), step]))

    return batches.enumerate(first_step).map(flip, num_parallel_calls=tf.data.AUTOTUNE)


def read_source(records: Path, config: TrainConfig) -> PairSource:
    raise NotImplementedError
