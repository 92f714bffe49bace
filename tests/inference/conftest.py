"""Small models and scans for the tests of inference."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from lfsr_tf.networks import ModelInfo, TrainedModel, build_network, save_model
from lfsr_tf.scans import Scan

TINY = {"blocks": 1, "filters": 4}


def trained(network: str, **settings: object) -> TrainedModel:
    model = build_network(network, **settings)
    info = ModelInfo("tiny", network, settings, int(settings.get("scale", 2)), sigma_range=(0.0, 0.08))
    return TrainedModel(model, info)


@pytest.fixture(scope="session")
def interpolator() -> TrainedModel:
    """An untrained ResidualSR: interpolation, which passes every LR sample on."""
    return trained("ResidualSR", **TINY)


@pytest.fixture(scope="session")
def run_folder(interpolator: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpolator as a run's folder."""
    folder = tmp_path_factory.mktemp("run")
    save_model(interpolator.model, interpolator.info, folder / "best.keras")
    return folder


@pytest.fixture
def random_network() -> Callable[..., TrainedModel]:
    """A network whose every weight is random, so that every layer and border counts."""

    def make(network: str, **settings: object) -> TrainedModel:
        made = trained(network, **settings)
        generator = np.random.default_rng(3)
        made.model.set_weights(
            [generator.normal(0, 0.2, weight.shape).astype(np.float32) for weight in made.model.get_weights()]
        )
        return made

    return make


@pytest.fixture
def single_layer() -> Callable[..., TrainedModel]:
    """A network of one given layer, for what no network of the package does."""

    def make(layer: keras.layers.Layer, channels: int = 1) -> TrainedModel:
        inputs = keras.Input((None, None, channels))
        return TrainedModel(keras.Model(inputs, layer(inputs)), ModelInfo("odd", "own", {}, 2))

    return make


def band_limited(shape: tuple[int, int], seed: int = 0, count: int = 2) -> np.ndarray:
    """Complex images [count, H, W] with a bright smooth object, phase and noise."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    disc = 1.0 / (1.0 + np.exp(30 * (np.hypot(rows * 1.2, columns) - 0.7)))
    texture = 0.6 + 0.2 * np.cos(9 * rows) * np.cos(7 * columns + 1)
    noise = generator.normal(0, 0.03, (count, *shape, 2)) @ [1, 1j]
    return disc * texture * np.exp(2j * (rows + columns**2)) + noise


def zero_filled(images: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Complex images with zeros around their k-space, sample 0 in its place: NumPy alone, as an oracle."""
    kspace = np.fft.fftshift(np.fft.fft2(images), axes=(-2, -1))
    before = [new // 2 - old // 2 for new, old in zip(shape, images.shape[-2:], strict=True)]
    after = [new - old - front for new, old, front in zip(shape, images.shape[-2:], before, strict=True)]
    pads = [(0, 0), *zip(before, after, strict=True)]
    padded = np.fft.ifftshift(np.pad(kspace, pads), axes=(-2, -1))
    return np.fft.ifft2(padded) * (np.prod(shape) / np.prod(images.shape[-2:]))


@pytest.fixture
def complex_images() -> Callable[..., np.ndarray]:
    return band_limited


@pytest.fixture
def zero_fill() -> Callable[..., np.ndarray]:
    return zero_filled


@pytest.fixture
def scan_of() -> Callable[..., Scan]:
    """A scan of slices [N, H, W], obliquely placed, stacked along any axis."""

    def make(slices: np.ndarray, slice_axis: int = 2, **fields: object) -> Scan:
        affine = np.array(
            [[-0.9, 0.1, 0.0, 31.0], [0.1, 1.1, 0.3, -17.0], [0.0, -0.2, 4.0, 42.0], [0, 0, 0, 1]]
        )
        voxels = np.ascontiguousarray(np.moveaxis(slices, 0, slice_axis), dtype=np.float32)
        return Scan(voxels=voxels, affine=affine, slice_axis=slice_axis, **fields)

    return make
