"""A tiny source of pairs and a tiny network: an epoch takes a fraction of a second."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.sources import PairSource, with_flips
from tests.training.interrupted import interrupted

STEPS = 4
BATCH = 4


@pytest.fixture
def config() -> TrainConfig:
    """Three epochs of a network with a few hundred weights."""
    return TrainConfig(
        network="ResidualSR",
        network_settings={"blocks": 1, "filters": 4},
        batch_size=BATCH,
        epochs=3,
        learning_rate=1e-2,
        schedule="cosine",
    )


@pytest.fixture
def make_source() -> Callable[..., PairSource]:
    """Builds a source of random pairs of LR 8 x 8: an epoch has its own, wherever a run starts."""

    def build(
        scale: int = 2, fingerprint: str = "tiny", flips: bool = False, bad_step: int = -1
    ) -> PairSource:
        def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            hr = tf.random.stateless_uniform((BATCH, 8 * scale, 8 * scale, 1), tf.stack([step, 1]))
            hr = tf.where(step == bad_step, np.nan, hr)
            return hr[:, ::scale, ::scale], hr

        def training(first_epoch: int) -> tf.data.Dataset:
            batches = tf.data.Dataset.range(first_epoch * STEPS, 2**31).map(batch)
            return with_flips(batches, 0, first_epoch * STEPS) if flips else batches

        validation = tf.data.Dataset.range(10**6, 10**6 + 2).map(batch)
        return PairSource(training, validation, STEPS, {"fingerprint": fingerprint})

    return build


@pytest.fixture
def changed(config: TrainConfig) -> Callable[..., TrainConfig]:
    """The tiny configuration with some settings changed."""
    return lambda **settings: dataclasses.replace(config, **settings)


@pytest.fixture
def begun(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    config: TrainConfig,
    make_source: Callable[..., PairSource],
) -> Path:
    """A run interrupted after its first epoch, to go on with: a copy of one that these tests share."""
    shared = tmp_path_factory.getbasetemp() / "begun"
    if not (shared / "state.json").exists():
        interrupted(make_source(), shared, config, after=1)
    return shutil.copytree(shared, tmp_path / "run")
