"""What a TensorFlow Serving server, which has the same C++ loader, makes of an exported model."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.networks import TrainedModel
from lfsr_tf.serving.loader_check import Answer, run_in_cpp_loader
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.signatures import SIGNATURES, describe
from lfsr_tf.serving.signatures.graph import MOST_PIXELS
from lfsr_tf.serving.signatures.png import MOST_PIXELS_TOGETHER

OK, INVALID_ARGUMENT = 0, 3
SHAPES = [(1, 16, 16), (3, 24, 20), (2, 17, 31), (1, 1, 1), (1, 64, 64)]


def images(shape: tuple[int, ...]) -> np.ndarray:
    return (100 * np.random.default_rng(0).random(shape)).astype(np.float32)


def example(name: str, shape: tuple[int, ...] = (2, 16, 16)) -> dict[str, np.ndarray]:
    return dict(SIGNATURES[name].example(images(shape)))


def dtypes(name: str) -> set[str]:
    """Kinds of the inputs' dtypes, as NumPy letters them."""
    return {array.dtype.kind for array in example(name).values()}


NUMERIC = [name for name in SIGNATURES if "O" not in dtypes(name)]
# Whole numbers hold no NaN.
FLOATING = [name for name in NUMERIC if dtypes(name) & {"f", "c"}]


def changed(name: str, change: Callable[[np.ndarray], np.ndarray]) -> dict[str, np.ndarray]:
    return {key: change(value) if value.ndim > 1 else value for key, value in example(name).items()}


def spoilt(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def spoil(array: np.ndarray) -> np.ndarray:
        if array.dtype.kind not in "fc":
            return array
        array = array.copy()
        array[1, 3, 4] = value
        return array

    return spoil


def files(*contents: bytes) -> dict[str, np.ndarray]:
    array = np.empty(len(contents), object)
    array[:] = contents
    return {"png_bytes": array}


def parts_of(real: tuple[int, ...], imaginary: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {"real": images(real)[..., None], "imaginary": images(imaginary)[..., None]}


WRONG = {
    "rank 0": lambda array: array.reshape(-1)[0].reshape(()),
    "one axis less": lambda array: array[0],
    "one axis more": lambda array: array[None],
    "channels": lambda array: np.repeat(array, 3, axis=-1) if array.ndim == 4 else array[..., None],
    "float64": lambda array: array.real.astype(np.float64),
    "integers": lambda array: array.real.astype(np.int32),
    "no image": lambda array: array[:0],
    "no pixel": lambda array: array[:, :0],
}
LEVELS = {
    "too few": np.full(1, 0.03, np.float32),
    "of two axes": np.full((2, 1), 0.03, np.float32),
    "NaN": np.array([0.03, np.nan], np.float32),
}
TOO_LARGE = (1, 512, 513)
# All but the first can be broadcast.
UNEQUAL_PARTS = [
    ((1, 16, 16), (1, 16, 18)),
    ((1, 1, 1), (1, 16, 16)),
    ((2, 16, 16), (1, 16, 16)),
    ((1, 4096, 1), (1, 1, 4096)),
]
NOT_FINITE = {"NaN": np.nan, "infinity": np.inf, "minus infinity": -np.inf}
GOOD = example("png", (1, 16, 16))["png_bytes"][0]
BAD_PICTURES = {
    "no picture": files(b"junk"),
    "a JPEG picture": files(tf.io.encode_jpeg(np.zeros((8, 8, 1), np.uint8)).numpy()),
    "a cut picture": files(GOOD[: len(GOOD) // 2]),
    "one bad picture of two": files(GOOD, b""),
    "numbers for pictures": {"png_bytes": images((2,))},
    "two axes of pictures": {"png_bytes": files(GOOD)["png_bytes"][None]},
    "no pictures": files(),
    "a picture that claims to be huge": files(GOOD[:16] + 2 * (60_000).to_bytes(4, "big") + GOOD[24:]),
    "a picture of almost no bytes": files(GOOD[:20]),
    "pictures that claim to be many pixels": files(
        *[GOOD[:16] + 2 * (512).to_bytes(4, "big") + GOOD[24:]] * 65
    ),
}


@pytest.fixture(scope="module")
def answers(exported: Path) -> dict[str, Answer]:
    """Every request of this module in one process: one that aborted it would leave none answered."""
    requests = {
        **{f"{name} {shape}": (name, example(name, shape)) for name in SIGNATURES for shape in SHAPES},
        **{f"{name} {how}": (name, changed(name, WRONG[how])) for name in NUMERIC for how in WRONG},
        **{
            f"{name} {how}": (name, changed(name, spoilt(value)))
            for name in FLOATING
            for how, value in NOT_FINITE.items()
        },
        **{f"png {how}": ("png", inputs) for how, inputs in BAD_PICTURES.items()},
        **{f"kspace {shapes}": ("kspace", parts_of(*shapes)) for shapes in UNEQUAL_PARTS},
        **{f"{name} zeros": (name, changed(name, np.zeros_like)) for name in NUMERIC},
        **{f"{name} too large": (name, example(name, TOO_LARGE)) for name in SIGNATURES},
        **{
            f"levels {how}": ("network", {**example("network"), "noise_level": levels})
            for how, levels in LEVELS.items()
        },
        "metadata": ("metadata", describe.question()),
        "metadata of nothing": ("metadata", {"about": np.zeros((2, 2), np.float32)}),
    }
    return dict(zip(requests, run_in_cpp_loader(exported, list(requests.values())), strict=True))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", list(SIGNATURES))
def test_any_size_and_batch_is_answered_with_twice_the_matrix(
    name: str, shape: tuple[int, ...], answers: dict[str, Answer]
) -> None:
    answer = answers[f"{name} {shape}"]
    assert (answer.code, answer.message) == (OK, "")
    found = SIGNATURES[name].images(answer.outputs)
    assert found.shape == (shape[0], 2 * shape[1], 2 * shape[2])
    assert found.dtype == np.float32


@pytest.mark.parametrize("shape", SHAPES)
def test_the_answer_is_python_s(
    shape: tuple[int, ...], answers: dict[str, Answer], trained: TrainedModel
) -> None:
    batch = images(shape)[..., None]
    references = np.percentile(batch, 99.9, axis=(1, 2, 3), keepdims=True).astype(np.float32)
    expected = trained.model(batch / references).numpy() * references
    received = answers[f"serving_default {shape}"].outputs["sr"]
    np.testing.assert_allclose(received, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", list(SIGNATURES))
def test_the_answer_is_that_of_our_own_server(
    name: str, answers: dict[str, Answer], servable: Servable
) -> None:
    shape = (2, 17, 31)
    found, expected = servable.predict(name, example(name, shape)), answers[f"{name} {shape}"].outputs
    assert set(found) == set(expected)
    for key, value in expected.items():
        if value.dtype == object:
            assert [len(file) for file in found[key]] == [len(file) for file in value]
        else:
            np.testing.assert_allclose(found[key], value, rtol=1e-5, atol=1e-5 * value.max())


@pytest.mark.parametrize("how", list(WRONG))
@pytest.mark.parametrize("name", NUMERIC)
def test_wrong_ranks_channels_and_dtypes_and_nothing_are_refused_and_do_not_abort(
    name: str, how: str, answers: dict[str, Answer]
) -> None:
    answer = answers[f"{name} {how}"]
    assert (answer.code, answer.outputs) == (INVALID_ARGUMENT, {})
    if how in ("no image", "no pixel"):
        assert "Received: nothing" in answer.message


@pytest.mark.parametrize("shapes", UNEQUAL_PARTS)
def test_real_and_imaginary_part_must_be_of_one_shape(
    shapes: tuple[tuple[int, ...], ...], answers: dict[str, Answer]
) -> None:
    answer = answers[f"kspace {shapes}"]
    assert answer.code == INVALID_ARGUMENT
    assert "Expected real and imaginary of one shape" in answer.message


@pytest.mark.parametrize("how", list(NOT_FINITE))
@pytest.mark.parametrize("name", FLOATING)
def test_values_that_are_not_finite_are_refused_by_name(
    name: str, how: str, answers: dict[str, Answer]
) -> None:
    answer = answers[f"{name} {how}"]
    assert answer.code == INVALID_ARGUMENT
    assert any(f"Expected finite values in {key}" in answer.message for key in example(name))


@pytest.mark.parametrize("how", list(BAD_PICTURES))
def test_what_is_no_picture_is_refused(how: str, answers: dict[str, Answer]) -> None:
    answer = answers[f"png {how}"]
    assert (answer.code, answer.outputs) == (INVALID_ARGUMENT, {})


@pytest.mark.parametrize("name", NUMERIC)
def test_an_image_of_zeros_gives_a_finite_answer(name: str, answers: dict[str, Answer]) -> None:
    answer = answers[f"{name} zeros"]
    assert answer.code == OK
    assert np.isfinite(SIGNATURES[name].images(answer.outputs)).all()


@pytest.mark.parametrize("name", list(SIGNATURES))
def test_an_image_that_needs_too_much_memory_is_refused(name: str, answers: dict[str, Answer]) -> None:
    answer = answers[f"{name} too large"]
    assert answer.code == INVALID_ARGUMENT
    assert f"at most {MOST_PIXELS} pixels" in answer.message


def test_a_picture_s_size_is_looked_at_before_its_pixels_are_unpacked(answers: dict[str, Answer]) -> None:
    message = answers["png a picture that claims to be huge"].message
    assert "at most" in message and "[60000]" in message


def test_pictures_share_a_limit_before_any_is_unpacked(answers: dict[str, Answer]) -> None:
    message = answers["png pictures that claim to be many pixels"].message
    assert (
        f"at most {MOST_PIXELS_TOGETHER} pixels in all files" in message and f"[{65 * 512 * 512}]" in message
    )


@pytest.mark.parametrize("how", list(LEVELS))
def test_the_network_alone_needs_one_noise_level_an_image(how: str, answers: dict[str, Answer]) -> None:
    assert answers[f"levels {how}"].code == INVALID_ARGUMENT


def test_the_metadata_is_that_of_the_file(answers: dict[str, Answer], exported: Path) -> None:
    text = answers["metadata"].outputs["json"].item()
    assert json.loads(text) == json.loads((exported / "metadata.json").read_text())
    assert answers["metadata of nothing"].code == INVALID_ARGUMENT
