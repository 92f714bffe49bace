"""Adam and its learning rate: constant or half a cosine, after a straight warm-up."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from lfsr_tf.training.config import TrainConfig


@keras.saving.register_keras_serializable(package="lfsr_tf")
class AdamOfSum(keras.optimizers.Adam):
    """Adam whose clipping sees the gradients of the global batch.

    Keras 3.15 clips each replica's gradients before they are added up: those of a share of the batch, divided
    by the number of replicas, whose norm says little of the sum's. The losses would depend on the number of
    devices.

    Args:
        learning_rate: Number or schedule.
        sum_norm: Sums of a larger global norm are scaled down to it.
        **options: As Keras' Adam takes them.
    """

    def __init__(self, learning_rate: Any = 1e-3, sum_norm: float = 1.0, **options: Any) -> None:
        super().__init__(learning_rate, **options)
        self.sum_norm = sum_norm

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> list[tuple[Any, Any]]:
        gradients, variables = zip(*super()._all_reduce_sum_gradients(grads_and_vars), strict=True)
        return list(zip(tf.clip_by_global_norm(gradients, self.sum_norm)[0], variables, strict=True))

    def get_config(self) -> dict[str, Any]:
        """Plain values from which the optimiser is built again."""
        return {**super().get_config(), "sum_norm": self.sum_norm}


def build_optimizer(
    config: TrainConfig, steps_per_epoch: int, replicas: int = 1
) -> keras.optimizers.Optimizer:
    """The optimiser of a run.

    Args:
        config: Settings of the run.
        steps_per_epoch: Steps of one epoch; the cosine ends after `config.epochs` such epochs.
        replicas: Copies of the network, whose gradients are added up.

    Returns:
        An Adam optimiser (Kingma and Ba 2015, Keras' own betas and epsilon); its variables are the same ones
        for any number of replicas.
    """
    rate = learning_rate(config, total_steps=config.epochs * steps_per_epoch)
    if replicas > 1 and config.clip_norm is not None:
        return AdamOfSum(rate, sum_norm=config.clip_norm, name="adam")
    return keras.optimizers.Adam(rate, global_clipnorm=config.clip_norm)


def learning_rate(
    config: TrainConfig, total_steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate by step: a number where it never changes, a Keras schedule elsewhere."""
    if config.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if config.warmup_steps else config.learning_rate,
            decay_steps=max(total_steps - config.warmup_steps, 1),
            warmup_target=config.learning_rate if config.warmup_steps else None,
            warmup_steps=config.warmup_steps,
        )
    if config.warmup_steps:
        return keras.optimizers.schedules.PolynomialDecay(
            initial_learning_rate=0.0, decay_steps=config.warmup_steps, end_learning_rate=config.learning_rate
        )
    return config.learning_rate
