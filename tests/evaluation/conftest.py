"""Small heads, a network that needs no training, and one small evaluation that many tests look at."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from lfsr_tf.evaluation import EvaluationConfig, Results, evaluate
from lfsr_tf.scans.scan import Scan

SMALL = EvaluationConfig(sigmas=(0.0, 0.05), hr_size=32, slices_per_volume=2, bootstrap_samples=200)

MakeScan = Callable[..., Scan]


def head_voxels(seed: int, shape: tuple[int, int, int] = (40, 40, 5)) -> np.ndarray:
    """A bright ellipse with texture in every slice, air around it, in arbitrary units."""
    rng = np.random.default_rng(seed)
    x, y, _ = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    inside = (x / 0.75) ** 2 + (y / 0.85) ** 2 < 1
    waves = sum(np.cos(rng.uniform(-9, 9) * x + rng.uniform(-9, 9) * y + rng.uniform(0, 6)) for _ in range(6))
    return (inside * (600.0 + 60.0 * waves)).astype(np.float32)


@pytest.fixture(scope="session")
def make_scan() -> MakeScan:
    def make(
        seed: int = 0, subject: str = "anna", contrast: str = "T1w", shape: tuple[int, int, int] = (40, 40, 5)
    ) -> Scan:
        affine = np.diag([2.0, 2.0, 5.0, 1.0])
        return Scan(voxels=head_voxels(seed, shape), affine=affine, subject=subject, contrast=contrast)

    return make


@pytest.fixture(scope="session")
def nearest_network() -> keras.Model:
    """Repeats every pixel: a network whose result is known."""
    return repeating_network("nearest", channels=1)


def repeating_network(name: str, channels: int) -> keras.Model:
    """Adds up its channels, and repeats every pixel."""
    lr = keras.Input((None, None, channels))
    repeat = keras.layers.Conv2DTranspose(1, 2, strides=2, use_bias=False, kernel_initializer="ones")
    return keras.Model(lr, repeat(lr), name=name)


@pytest.fixture(scope="session")
def scans(make_scan: MakeScan) -> list[Scan]:
    return [
        make_scan(1, "anna", "T1w"),
        make_scan(2, "anna", "T2w"),
        make_scan(3, "bert", "T1w"),
        make_scan(4, "cleo", "T1w"),
    ]


@pytest.fixture(scope="session")
def results(nearest_network: keras.Model, scans: list[Scan]) -> Results:
    return evaluate(nearest_network, scans, SMALL)
