"""What a server answers is what `lfsr enhance` writes: the same model, through TensorFlow's C++ loader."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.inference import EnhanceConfig, Enhancer
from lfsr_tf.models import load_model
from lfsr_tf.networks import TrainedModel
from lfsr_tf.physics.fourier import fft2c
from lfsr_tf.scans import Scan, phantom_scan
from lfsr_tf.serving import export_model
from lfsr_tf.serving.loader_check import Answer, run_in_cpp_loader


def low_field_slices() -> np.ndarray:
    """Complex slices [40, 47, 44] of the phantom with a phase and noise, in the thousands."""
    voxels = phantom_scan(1, "T1w", slices=40).slices()[:, ::4, 2::4][:, :47, :44]
    rng = np.random.default_rng(0)
    phase = np.exp(1j * np.linspace(0, 5, voxels.shape[2]))
    noise = rng.normal(0, 0.03 * np.percentile(voxels, 99.9), (*voxels.shape, 2)) @ [1, 1j]
    return (3000.0 * (voxels * phase + noise)).astype(np.complex64)


@pytest.fixture(scope="module")
def fast() -> TrainedModel:
    return load_model("fast")


@pytest.fixture(scope="module")
def slices() -> np.ndarray:
    return low_field_slices()


@pytest.fixture(scope="module")
def answers(
    fast: TrainedModel, slices: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Answer]:
    folder: Path = export_model(fast, tmp_path_factory.mktemp("parity"), check=False)
    magnitude, samples = np.abs(slices), fft2c(tf.constant(slices)).numpy()[..., None]
    requests = {
        "volume": ("volume", {"volume": magnitude}),
        "image": ("serving_default", {"image": magnitude[20:21, ..., None]}),
        "kspace_complex": ("kspace_complex", {"kspace": samples[20:21]}),
    }
    return dict(zip(requests, run_in_cpp_loader(folder, list(requests.values())), strict=True))


def enhanced(fast: TrainedModel, slices: np.ndarray, *, raw: bool = False) -> np.ndarray:
    kspace = fft2c(tf.constant(slices[:, None])).numpy() if raw else None
    scan = Scan(np.moveaxis(np.abs(slices), 0, 2), np.diag([2.0, 2.0, 4.0, 1.0]), kspace=kspace)
    return Enhancer(fast, EnhanceConfig(dtype="float32"))(scan).scan.slices()


def assert_same(answer: Answer, expected: np.ndarray) -> None:
    assert (answer.code, answer.message) == (0, "")
    found = answer.outputs["sr"].reshape(expected.shape)
    assert np.abs(found - expected).max() <= 1e-5 * expected.max()


def test_a_volume_is_what_lfsr_enhance_writes(
    answers: dict[str, Answer], fast: TrainedModel, slices: np.ndarray
) -> None:
    assert_same(answers["volume"], enhanced(fast, slices))


def test_an_image_is_what_lfsr_enhance_makes_of_a_scan_of_one_slice(
    answers: dict[str, Answer], fast: TrainedModel, slices: np.ndarray
) -> None:
    assert_same(answers["image"], enhanced(fast, slices[20:21]))


def test_k_space_is_what_lfsr_enhance_makes_of_raw_k_space(
    answers: dict[str, Answer], fast: TrainedModel, slices: np.ndarray
) -> None:
    assert_same(answers["kspace_complex"], enhanced(fast, slices[20:21], raw=True))
