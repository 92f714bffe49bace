"""The learning rate over a run."""

import keras
import pytest

from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.optimizer import build_optimizer, learning_rate


def rate_at(config: TrainConfig, step: int, total_steps: int = 100) -> float:
    rate = learning_rate(config, total_steps)
    return float(rate(step)) if callable(rate) else rate


def test_a_constant_rate_is_a_number() -> None:
    assert learning_rate(TrainConfig(learning_rate=3e-4), 100) == 3e-4


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_the_warm_up_is_a_straight_line_from_zero_to_the_rate(schedule: str) -> None:
    config = TrainConfig(learning_rate=1.0, schedule=schedule, warmup_steps=10)
    assert [rate_at(config, step) for step in (0, 5, 10)] == pytest.approx([0.0, 0.5, 1.0])


@pytest.mark.parametrize("warmup", [0, 20])
def test_the_cosine_is_half_done_halfway_and_zero_at_the_last_step(warmup: int) -> None:
    config = TrainConfig(learning_rate=1.0, schedule="cosine", warmup_steps=warmup)
    assert rate_at(config, (100 + warmup) // 2) == pytest.approx(0.5)
    assert rate_at(config, 100) == pytest.approx(0.0, abs=1e-6)


def test_a_constant_rate_after_a_warm_up_stays() -> None:
    assert rate_at(TrainConfig(learning_rate=1.0, warmup_steps=10), 99) == 1.0


def test_the_optimiser_is_adam_with_the_configured_clipping() -> None:
    optimizer = build_optimizer(TrainConfig(clip_norm=0.5), steps_per_epoch=3)
    assert isinstance(optimizer, keras.optimizers.Adam)
    assert optimizer.global_clipnorm == 0.5
