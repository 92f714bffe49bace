"""Adam and its learning rate: constant or half a cosine, after a straight warm-up."""

from __future__ import annotations

import keras

from lfsr_tf.training.config import TrainConfig


def build_optimizer(config: TrainConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """The optimiser of a run.

    Args:
        config: Settings of the run.
        steps_per_epoch: Steps of one epoch; the cosine ends after `config.epochs` such epochs.

    Returns:
        An Adam optimiser (Kingma and Ba 2015, Keras' own betas and epsilon).
    """
    rate = learning_rate(config, total_steps=config.epochs * steps_per_epoch)
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
