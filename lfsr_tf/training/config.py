"""The settings of one training run: the only place where their defaults and their ranges stand."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lfsr_tf.settings import check_choice, check_names, check_range, check_types, is_number, refusal

SCHEDULES = ("constant", "cosine")
OPTIMIZERS = ("adam",)
DTYPE_POLICIES = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
LARGEST_WHOLE = 2**31 - 1
_COUNTS = ("batch_size", "epochs", "steps_per_execution", "steps_per_epoch", "validation_steps", "patience")


@dataclass(frozen=True)
class TrainConfig:
    """Settings of `lfsr_tf.train`. The paper leaves the optimiser, its rate and the schedule open.

    NumPy's numbers are taken as plain ones; whole numbers are at most 2**31 - 1.

    Attributes:
        network: Name of the network, as `lfsr_tf.networks.build_network` knows it.
        network_settings: Keyword arguments of the network's builder; what is not named keeps the builder's
            default.
        loss: Weight of each loss by name, as `lfsr_tf.networks.build_loss` knows them.
        batch_size: Pairs per step, over all devices together.
        epochs: Epochs at most; early stopping may end the run before.
        steps_per_epoch: Steps per epoch, at least 1. None: as many as the records fill whole batches.
        validation_steps: Validation batches per epoch, the same ones every time. None: all of them.
        optimizer: "adam", the only one so far.
        learning_rate: Rate after the warm-up, above 0.
        schedule: "constant", or "cosine": half a cosine from `learning_rate` to 0 at the last step.
        warmup_steps: Steps over which the rate rises in a straight line from 0.
        clip_norm: Gradients of a larger global norm are scaled down to it, above 0. None: never.
        patience: Epochs without a better validation loss after which the run stops. None: never.
        pipeline: Settings of `lfsr_tf.pairs.PipelineConfig` (gains, patches per slice, shuffling...) by name.
        flips: Mirror and transpose training images at random, those with T2 decay mirror alone. Fixed patches
            lose their last LR row and column by it (`augment`); slices lose nothing.
        seed: Of the first weights, the shuffling, the noise and the flips.
        dtype_policy: "float32", "mixed_bfloat16", "mixed_float16", or "auto": bfloat16 where the processor
            has it.
        distribute: Split every batch over all GPUs of this machine (over logical CPU devices without a GPU).
        jit_compile: Compile the step with XLA, on one device; docs/training.md has what was measured.
        steps_per_execution: Steps that TensorFlow takes between two visits to Python, at least 1: a divisor
            of the steps of an epoch, and 1 on several devices.
    """

    network: str = "SRDenseNet"
    network_settings: Mapping[str, Any] = field(default_factory=dict)
    loss: Mapping[str, float] = field(default_factory=lambda: {"mse": 1.0})
    batch_size: int = 20
    epochs: int = 74
    steps_per_epoch: int | None = None
    validation_steps: int | None = None
    optimizer: str = "adam"
    learning_rate: float = 1e-4
    schedule: str = "constant"
    warmup_steps: int = 0
    clip_norm: float | None = None
    patience: int | None = None
    pipeline: Mapping[str, Any] = field(default_factory=dict)
    flips: bool = False
    seed: int = 0
    dtype_policy: str = "auto"
    distribute: bool = False
    jit_compile: bool = False
    steps_per_execution: int = 1

    def __post_init__(self) -> None:
        """Refuse what is out of range.

        Raises:
            ConfigError: A setting has the wrong type or is out of its range.
        """
        check_types(self)
        if not self.network:
            raise refusal("network", "the name of a network", self.network)
        check_choice(self, "schedule", SCHEDULES)
        check_choice(self, "optimizer", OPTIMIZERS)
        check_choice(self, "dtype_policy", DTYPE_POLICIES)
        check_range(self, *_COUNTS, least=1, most=LARGEST_WHOLE)
        check_range(self, "warmup_steps", "seed", least=0, most=LARGEST_WHOLE)
        for name, value in (("learning_rate", self.learning_rate), ("clip_norm", self.clip_norm)):
            if value is not None and value <= 0:
                raise refusal(name, "a finite number above 0", value)
        object.__setattr__(self, "loss", _loss_table(self.loss))

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> TrainConfig:
        """Build a configuration from plain values, as they stand in a TOML or JSON file.

        Raises:
            ConfigError: A name is unknown or a value is out of range.
        """
        check_names(cls, settings)
        return cls(**settings)

    def to_dict(self) -> dict[str, Any]:
        """The configuration as plain values that JSON and TOML can hold."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return values | {name: dict(values[name]) for name in ("network_settings", "loss", "pipeline")}


def _loss_table(loss: Any) -> dict[str, float]:
    """`"mse"` and `{"mse": 1}` mean the same; a weight of 0 takes a loss out."""
    table = {loss: 1.0} if isinstance(loss, str) else loss
    if not isinstance(table, Mapping) or not table:
        raise refusal("loss", "the name of a loss or a table of weights", loss)
    for name, weight in table.items():
        if not is_number(weight) or weight < 0:
            raise refusal(f"loss.{name}", "a finite weight of at least 0", weight)
    weights = {str(name): float(weight) for name, weight in table.items() if weight}
    if not weights:
        raise refusal("loss", "at least one weight above 0", loss)
    return weights
