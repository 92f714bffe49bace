"""A loaded version refuses in TensorFlow Serving's words.

tests/serving/test_cpp_loader.py compares its answers with those of TensorFlow's C++ loader.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.errors import ModelError
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.server.refusal import Code, RefusalError
from lfsr_tf.serving.signatures import SIGNATURES, describe

IMAGE = np.random.default_rng(0).random((1, 16, 12, 1), np.float32)


def test_it_has_every_signature(servable: Servable) -> None:
    assert set(servable.signatures) == {*SIGNATURES, describe.NAME}


def test_the_default_signature_needs_no_name(servable: Servable) -> None:
    default, named = (servable.predict(name, {"image": IMAGE}) for name in ("", "serving_default"))
    np.testing.assert_array_equal(default["sr"], named["sr"])


@pytest.mark.parametrize(
    ("name", "inputs", "outputs", "code", "message"),
    [
        ("x", {"image": IMAGE}, (), Code.FAILED_PRECONDITION, 'Serving signature key "x" not found.'),
        (
            "",
            {},
            (),
            Code.INVALID_ARGUMENT,
            "input size does not match signature: 0!=1 len({}) != len({image}). Sent extra: {}. "
            "Missing but required: {image}.",
        ),
        (
            "",
            {"picture": IMAGE},
            (),
            Code.INVALID_ARGUMENT,
            "not found in signature: picture. Inputs expected",
        ),
        ("", {"image": IMAGE}, ("hr",), Code.INVALID_ARGUMENT, "hr Outputs expected to be in the set {sr}."),
        ("", {"image": IMAGE}, ("sr", "sr"), Code.INVALID_ARGUMENT, "duplicate output tensor alias: sr"),
        (
            "",
            {"image": IMAGE.astype(np.float64)},
            (),
            Code.INVALID_ARGUMENT,
            "image to be float but double is provided",
        ),
        ("", {"image": IMAGE[0]}, (), Code.INVALID_ARGUMENT, "is not compatible with expected shape"),
        ("", {"image": IMAGE[:0]}, (), Code.INVALID_ARGUMENT, "Received: nothing"),
        ("", {"image": IMAGE * np.nan}, (), Code.INVALID_ARGUMENT, "Expected finite values in image"),
        ("png", {"png_bytes": np.array([b"x"], object)}, (), Code.INVALID_ARGUMENT, "Expected PNG files"),
    ],
)
def test_what_does_not_fit_is_refused(
    name: str,
    inputs: dict[str, np.ndarray],
    outputs: tuple[str, ...],
    code: Code,
    message: str,
    servable: Servable,
) -> None:
    with pytest.raises(RefusalError) as refusal:
        servable.predict(name, inputs, outputs)
    assert refusal.value.code == code
    assert message in refusal.value.message
    assert "\n" not in refusal.value.message


def test_many_threads_get_their_own_answers(servable: Servable) -> None:
    images = [IMAGE * (1 + number) for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda image: servable.predict("", {"image": image})["sr"], images))
    alone = servable.predict("", {"image": IMAGE})["sr"]
    for number, found in enumerate(together):
        np.testing.assert_allclose(found, alone * (1 + number), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("content", [None, b"", b"junk"])
def test_a_folder_that_is_no_saved_model_is_one_line(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ModelError, match="Expected a SavedModel that loads"):
        Servable(tmp_path)


def test_a_model_without_its_variables_is_one_line(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes((exported / "saved_model.pb").read_bytes())
    with pytest.raises(ModelError, match="Expected a SavedModel that loads") as error:
        Servable(tmp_path)
    assert "\n" not in str(error.value)
