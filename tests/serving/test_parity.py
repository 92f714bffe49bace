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
        "kspace": ("kspace", {"real": samples[20:21].real, "imaginary": samples[20:21].imag}),
        "png": (
            "png",
            {"png_bytes": np.array([tf.io.encode_png(picture(slices)[0, ..., None]).numpy()], object)},
        ),
    }
    return dict(zip(requests, run_in_cpp_loader(folder, list(requests.values())), strict=True))


def picture(slices: np.ndarray) -> np.ndarray:
    """A slice as a PNG file holds it: whole numbers, [1, H, W]."""
    return np.round(np.abs(slices[20:21])).astype(np.uint16)


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


@pytest.mark.parametrize("name", ["kspace", "kspace_complex"])
def test_k_space_is_what_lfsr_enhance_makes_of_raw_k_space(
    name: str, answers: dict[str, Answer], fast: TrainedModel, slices: np.ndarray
) -> None:
    assert_same(answers[name], enhanced(fast, slices[20:21], raw=True))


def test_a_picture_is_what_lfsr_enhance_makes_of_its_pixels_in_whole_numbers(
    answers: dict[str, Answer], fast: TrainedModel, slices: np.ndarray
) -> None:
    answer = answers["png"]
    assert (answer.code, answer.message) == (0, "")
    found = tf.io.decode_png(answer.outputs["sr_png_bytes"][0], dtype=tf.uint16).numpy()[..., 0]
    expected = enhanced(fast, picture(slices).astype(np.complex64))[0]
    assert np.abs(found - np.clip(expected, 0, 65_535)).max() <= 0.5 + 1e-5 * expected.max()
