"""What a TensorFlow Serving server, which has the same C++ loader, makes of an exported model."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ModelError
from lfsr_tf.networks import TrainedModel
from lfsr_tf.serving.loader_check import Answer, check_saved_model, read_signatures, run_in_cpp_loader

OK, INVALID_ARGUMENT = 0, 3
SHAPES = [(1, 16, 16, 1), (3, 24, 20, 1), (2, 17, 31, 1), (1, 1, 1, 1), (1, 64, 64, 1)]


def images(shape: tuple[int, ...], dtype: str = "float32") -> np.ndarray:
    return (100 * np.random.default_rng(0).random(shape)).astype(dtype)


@pytest.fixture(scope="module")
def answers(exported: Path) -> dict[str, Answer]:
    """Every request of this module in one process: one that aborted it would leave none answered."""
    poisoned = images((2, 16, 16, 1))
    poisoned[1, 3, 4, 0] = np.nan
    infinite = images((1, 16, 16, 1))
    infinite[0, 0, 0, 0] = -np.inf
    requests = {
        **{f"image {shape}": ("serving_default", {"image": images(shape)}) for shape in SHAPES},
        **{
            f"kspace {shape}": ("kspace", {"real": images(shape), "imaginary": -images(shape)})
            for shape in SHAPES
        },
        "rank 3": ("serving_default", {"image": images((1, 16, 16))}),
        "rank 2": ("serving_default", {"image": images((16, 16))}),
        "rank 0": ("serving_default", {"image": images(())}),
        "rank 5": ("serving_default", {"image": images((1, 1, 16, 16, 1))}),
        "channels": ("serving_default", {"image": images((1, 16, 16, 3))}),
        "float64": ("serving_default", {"image": images((1, 16, 16, 1), "float64")}),
        "integers": ("serving_default", {"image": images((1, 16, 16, 1), "int32")}),
        "empty batch": ("serving_default", {"image": images((0, 16, 16, 1))}),
        "empty image": ("serving_default", {"image": images((1, 0, 16, 1))}),
        "NaN": ("serving_default", {"image": poisoned}),
        "infinity": ("serving_default", {"image": infinite}),
        "kspace rank 3": ("kspace", {"real": images((1, 16, 16)), "imaginary": images((1, 16, 16))}),
        "kspace NaN": ("kspace", {"real": images((2, 16, 16, 1)), "imaginary": poisoned}),
        "kspace shapes": ("kspace", {"real": images((1, 16, 16, 1)), "imaginary": images((1, 16, 18, 1))}),
        "zeros": ("serving_default", {"image": np.zeros((1, 16, 16, 1), np.float32)}),
    }
    return dict(zip(requests, run_in_cpp_loader(exported, list(requests.values())), strict=True))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("signature", ["image", "kspace"])
def test_any_size_and_batch_is_answered_with_twice_the_matrix(
    signature: str, shape: tuple[int, ...], answers: dict[str, Answer]
) -> None:
    answer = answers[f"{signature} {shape}"]
    assert (answer.code, answer.message) == (OK, "")
    assert answer.outputs["sr"].shape == (shape[0], 2 * shape[1], 2 * shape[2], 1)
    assert answer.outputs["sr"].dtype == np.float32


@pytest.mark.parametrize("shape", SHAPES)
def test_the_answer_is_python_s(
    shape: tuple[int, ...], answers: dict[str, Answer], trained: TrainedModel
) -> None:
    batch = images(shape)
    references = np.percentile(batch, 99.9, axis=(1, 2, 3), keepdims=True).astype(np.float32)
    expected = trained.model(batch / references).numpy() * references
    received = answers[f"image {shape}"].outputs["sr"]
    np.testing.assert_allclose(received, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    "request_name",
    [
        "rank 3",
        "rank 2",
        "rank 0",
        "rank 5",
        "channels",
        "float64",
        "integers",
        "kspace rank 3",
        "kspace shapes",
    ],
)
def test_wrong_ranks_channels_and_dtypes_are_refused_and_do_not_abort(
    request_name: str, answers: dict[str, Answer]
) -> None:
    assert answers[request_name].code == INVALID_ARGUMENT
    assert answers[request_name].outputs == {}


@pytest.mark.parametrize("request_name", ["NaN", "infinity", "kspace NaN"])
def test_values_that_are_not_finite_are_refused_by_name(
    request_name: str, answers: dict[str, Answer]
) -> None:
    assert answers[request_name].code == INVALID_ARGUMENT
    assert "Expected finite values in" in answers[request_name].message


@pytest.mark.parametrize("request_name", ["empty batch", "empty image"])
def test_nothing_in_is_refused_or_gives_nothing(request_name: str, answers: dict[str, Answer]) -> None:
    answer = answers[request_name]
    assert answer.code == INVALID_ARGUMENT or answer.outputs["sr"].size == 0


def test_an_image_of_zeros_gives_a_finite_answer(answers: dict[str, Answer]) -> None:
    assert np.isfinite(answers["zeros"].outputs["sr"]).all()


def test_a_good_model_passes(exported: Path) -> None:
    check_saved_model(exported, scale=2)


def test_a_model_of_another_scale_does_not(exported: Path) -> None:
    with pytest.raises(ModelError, match=r"of shape \(1, 64, 64, 1\)"):
        check_saved_model(exported, scale=4)


def test_a_model_that_python_loads_and_the_c_loader_does_not_is_found(
    trained: TrainedModel, tmp_path: Path
) -> None:
    module = tf.Module()
    module.model = trained.model
    specification = tf.TensorSpec([None, None, None, 1], tf.float32, name="image")
    function = tf.function(lambda image: {"sr": trained.model(image)}, input_signature=[specification])
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": function, "kspace": function})
    with pytest.raises(ModelError, match="loader"):
        check_saved_model(tmp_path, scale=2)


def test_a_model_without_a_signature_is_refused(tmp_path: Path) -> None:
    module = tf.Module()
    module.f = tf.function(lambda image: {"sr": image}, input_signature=[tf.TensorSpec([None], name="image")])
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.f})
    with pytest.raises(ModelError, match="none called kspace"):
        check_saved_model(tmp_path, scale=2)


@pytest.mark.parametrize("content", [None, b"", b"not a protocol buffer"])
def test_a_folder_that_is_no_saved_model_is_refused(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ModelError, match="Expected a SavedModel"):
        read_signatures(tmp_path)


def test_a_model_without_its_variables_does_not_load(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes((exported / "saved_model.pb").read_bytes())
    with pytest.raises(ModelError, match=r"C\+\+ loader"):
        check_saved_model(tmp_path, scale=2)
